import { Command, CommanderError } from 'commander';
import { checkEnvironment } from '../config/environment.ts';
import { isHyperfitError } from '../errors.ts';
import { packageVersion } from '../libtorch/package-root.ts';
import { addAverageCommand } from './commands/average.ts';
import { addCompareCommand } from './commands/compare.ts';
import { addDataCommand } from './commands/data.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addEvaluateCommand } from './commands/evaluate.ts';
import { addExportCommand } from './commands/export.ts';
import { addGenerateCommand } from './commands/generate.ts';
import { addLibtorchCommand } from './commands/libtorch.ts';
import { addPatchCommand } from './commands/patch.ts';
import { addReportCommand } from './commands/report.ts';
import { addSaveCommand } from './commands/save.ts';
import { addStudyCommand } from './commands/study.ts';
import { addTokenizeCommand } from './commands/tokenize.ts';
import { addTrainCommand } from './commands/train.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { nameFlags } from './name-flags.ts';
import { endQuietlyOnClosedPipe, styled } from './output.ts';

const AFTER_HELP = `
Exit codes: 0 ok, 1 failed, 2 wrong usage or settings, 3 model, data, libtorch or device missing, 4 loss or gradient not finite,
130 and 143 ended by SIGINT and SIGTERM.
Errors by code, with causes and remedies: docs/troubleshooting.md

Example:
  hyperfit train --model SmolLM2-135M-Instruct.Q4_1.gguf --data novel.txt --preset demo --out runs/novel
  hyperfit generate --model runs/novel --prompt "It was a dark and stormy night" --max-new-tokens 96`;

/** The whole command line; each command is a file of its own. */
export function buildProgram(): Command {
  const program = new Command('hyperfit')
    .description('Hyperfit language models: train on a handful of sequences to near-zero loss, then decode greedily.')
    .version(packageVersion())
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', AFTER_HELP)
    .exitOverride();
  addTrainCommand(program);
  addDataCommand(program);
  addGenerateCommand(program);
  addEvaluateCommand(program);
  addExportCommand(program);
  addSaveCommand(program);
  addPatchCommand(program);
  addAverageCommand(program);
  addTokenizeCommand(program);
  addDemoCommand(program);
  addStudyCommand(program);
  addReportCommand(program);
  addCompareCommand(program);
  addLibtorchCommand(program);
  addDoctorCommand(program);
  return program;
}

/** Runs one command line; the result is the exit code, unless a command has set `process.exitCode`. */
export async function runCli(args: readonly string[]): Promise<number> {
  endQuietlyOnClosedPipe();
  let flags: readonly string[] = [];
  const program = buildProgram().hook('preAction', (_, command) => {
    flags = command.options.map(({ long }) => long ?? '');
    checkEnvironment(process.env);
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    return reportError(error, flags);
  }
}

/** A user's mistake gets its message; a mistake of ours gets its stack. */
function reportError(error: unknown, flags: readonly string[]): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (isHyperfitError(error)) {
    process.stderr.write(`${styled('red', `error ${error.code}:`)} ${nameFlags(error.message, flags)}\n`);
    return exitCodeOf(error.code);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${styled('red', 'unexpected error:')} ${text}\n`);
  return EXIT.failed;
}
