import { Command, CommanderError } from 'commander';
import { diskRemedy, isDiskError } from '../disk-errors.ts';
import { errorCodeOf, isHyperfitError } from '../errors.ts';
import { withFetch } from '../hub/fetch-scope.ts';
import { packageVersion } from '../libtorch/package-root.ts';
import { COMMANDS } from './command-list.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { FetchView } from './fetch-view.ts';
import { suggestByMeaning } from './other-words.ts';
import { endQuietlyOnClosedPipe, styled } from './output.ts';

const AFTER_HELP = `
Exit codes: 0 ok, 1 failed, 2 wrong usage or settings, 3 model, data, libtorch or device missing, 4 loss or gradient not finite,
130 and 143 ended by SIGINT and SIGTERM.
Errors by code, with causes and remedies: docs/troubleshooting.md

Example:
  hyperfit train --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel.txt --preset demo --out runs/novel
  hyperfit generate --model runs/novel --prompt "It was a dark and stormy night" --max-new-tokens 96`;

/**
 * The command line with those of its commands that `isWanted` picks, by default all; of the others it knows name and summary, so that
 * a listing need not load what they work with.
 */
export async function buildProgram(isWanted: (name: string) => boolean = () => true): Promise<Command> {
  const program = new Command('hyperfit')
    .description('Hyperfit language models: train on a handful of sequences to near-zero loss, then decode greedily.')
    .version(packageVersion())
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', AFTER_HELP)
    .exitOverride();
  for (const { name, group, summary, load } of COMMANDS) {
    if (isWanted(name)) (await load())(program);
    else program.command(name);
    suggestByMeaning(program.commands.at(-1)!);
    program.commands.at(-1)!.summary(summary).helpGroup(group);
  }
  return program;
}

/** The command that a line is about: its first word, or with `help` in front the second. */
function wantedCommand([first, second]: readonly string[]): (name: string) => boolean {
  return (name) => name === (first === 'help' ? second : first);
}

/** Runs one command line; the result is the exit code, unless a command has set `process.exitCode`. */
export async function runCli(args: readonly string[]): Promise<number> {
  endQuietlyOnClosedPipe();
  let flags: readonly string[] = [];
  const fetching = new FetchView(process.stderr);
  try {
    const program = await buildProgram(wantedCommand(args));
    program.hook('preAction', async (_, command) => {
      flags = command.options.map(({ long }) => long ?? '');
      fetching.isQuiet = command.opts<{ quiet?: boolean }>().quiet === true;
      (await import('../config/environment.ts')).checkEnvironment(process.env);
    });
    await withFetch({ onFetch: (event) => fetching.show(event) }, () => program.parseAsync(args, { from: 'user' }));
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    fetching.clear();
    return (await isInstalledFor(error)) ? runCli(args) : reportError(error, flags);
  }
}

/** Whether the libtorch that a command lacked is there now: on a terminal it is offered. */
async function isInstalledFor(failure: unknown): Promise<boolean> {
  if (errorCodeOf(failure) !== 'ERR_LIBTORCH_NOT_FOUND') return false;
  try {
    return await (await import('./offer-libtorch.ts')).offerLibtorch();
  } catch (error) {
    await reportError(error, []);
    return false;
  }
}

/** A user's mistake gets its message; a mistake of ours gets its stack. */
async function reportError(error: unknown, flags: readonly string[]): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (isHyperfitError(error)) {
    const { nameFlags } = await import('./name-flags.ts');
    process.stderr.write(`${styled('red', `error ${error.code}:`)} ${nameFlags(error.message, flags)}\n`);
    return exitCodeOf(error.code);
  }
  if (isDiskError(error)) {
    process.stderr.write(`${styled('red', 'error:')} ${error.message}; ${diskRemedy(error)}\n`);
    return EXIT.failed;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${styled('red', 'unexpected error:')} ${text}\n`);
  return EXIT.failed;
}
