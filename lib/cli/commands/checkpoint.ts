import type { Command } from 'commander';
import { addTableOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export function addCheckpointCommand(program: Command): void {
  const group = program
    .command('checkpoint')
    .description('Look at the checkpoints of a run.')
    .addHelpText('after', '\nExample:\n  hyperfit checkpoint verify runs/novel');
  addList(group);
  addVerify(group);
}

function addList(group: Command): void {
  const command = group
    .command('ls <path>')
    .description(
      'List the checkpoints of a run with their steps and sizes, and whether a run can go on from them. Files are held against the sizes in their manifest.',
    );
  addTableOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit checkpoint ls runs/novel --json')
    .action(async (path: string, options: OutputOptions) => (await import('../actions/checkpoint.ts')).listCheckpoints(path, options));
}

function addVerify(group: Command): void {
  const command = group
    .command('verify <path>')
    .description(
      'Verify a checkpoint, or all of a run: hashes and sizes of its files, finite weights and moments, and whether a run can go on from it.',
    );
  addTableOptions(command)
    .addHelpText(
      'after',
      '\nEnds with 1 when one of them is broken.\n\nExample:\n  hyperfit checkpoint verify runs/novel/checkpoints/step-000250',
    )
    .action(async (path: string, options: OutputOptions) => (await import('../actions/checkpoint.ts')).verifyCheckpoints(path, options));
}
