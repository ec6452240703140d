import { basename } from 'node:path';
import type { Command } from 'commander';
import { checkCheckpoint, findCheckpoints, type CheckDepth, type CheckpointCheck } from '../../checkpoint/check.ts';
import { formatSize } from '../../hub/bytes.ts';
import { EXIT } from '../exit-codes.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

export function addCheckpointCommand(program: Command): void {
  const group = program.command('checkpoint').description('Look at the checkpoints of a run.').addHelpText('after', '\nExample:\n  hyperfit checkpoint verify runs/novel');
  addList(group);
  addVerify(group);
}

function addList(group: Command): void {
  const command = group.command('ls <path>').description('List the checkpoints of a run with their steps and sizes, and whether a run can go on from them. Files are held against the sizes in their manifest.');
  addOutputOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit checkpoint ls runs/novel --json')
    .action(async (path: string, options: OutputOptions) => void (await show(path, 'sizes', options)));
}

function addVerify(group: Command): void {
  const command = group.command('verify <path>').description('Verify a checkpoint, or all of a run: hashes and sizes of its files, finite weights and moments, and whether a run can go on from it.');
  addOutputOptions(command)
    .addHelpText('after', '\nEnds with 1 when one of them is broken.\n\nExample:\n  hyperfit checkpoint verify runs/novel/checkpoints/step-000250')
    .action(async (path: string, options: OutputOptions) => {
      const checks = await show(path, 'values', options);
      if (checks.some(({ problems }) => problems.length > 0)) process.exitCode = EXIT.failed;
    });
}

async function show(path: string, depth: CheckDepth, options: OutputOptions): Promise<CheckpointCheck[]> {
  const output = new Output(options);
  const checks: CheckpointCheck[] = [];
  for (const each of await findCheckpoints(path)) {
    if (depth === 'values') output.log(`looking at ${each}`);
    checks.push(await checkCheckpoint(each, depth));
  }
  output.result({ schemaVersion: 1, depth, checkpoints: checks }, () => renderChecks(checks));
  return checks;
}

function renderChecks(checks: readonly CheckpointCheck[]): string {
  const rows = checks.map(({ path, bytes, files, problems, isResumable }) => [
    basename(path),
    bytes === null ? '–' : formatSize(bytes),
    files === null ? '–' : `${files} files`,
    problems.length > 0 ? `broken: ${problems.join('; ')}` : isResumable ? 'whole, a run can go on from it' : 'whole, weights alone',
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([name = '', size = '', count = '', state = '']) => `${name.padEnd(widths[0]!)}  ${size.padStart(widths[1]!)}  ${count.padStart(widths[2]!)}  ${state}`).join('\n');
}
