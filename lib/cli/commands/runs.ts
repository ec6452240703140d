import type { Command } from 'commander';
import { addTableOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface RunsOptions extends OutputOptions {
  sort?: string;
  where: string[];
  compare?: boolean;
}

export const DEFAULT_FOLDER = 'runs';

const MORE = `
Columns: name, createdAt, state, model, data, preset, sequences, step, loss, certifiedLoss, heldOutLoss, entropy, ttr, rep2, selfBleu, overlapMean, overlapMax,
exactMatch, originalTtr, originalRep2, seconds, problem. Settings are named as in run.json: learningRate, seed.
A state is running, done, stopped, failed, interrupted (its process is gone), unfinished (of an older version) or broken. "hyperfit train --resume" goes on with one.

Examples:
  hyperfit runs
  hyperfit runs experiments --where "ttr>0.6" --where model~smol --sort -ttr
  hyperfit runs --compare runs/seed-0 runs/seed-1`;

export function addRunsCommand(program: Command): void {
  const command = program
    .command('runs')
    .argument('[dirs...]', `folders to look for runs in, with all below them; or runs (default: ${DEFAULT_FOLDER})`)
    .description('List runs with their figures, newest first; choose, sort, or put them side by side.')
    .option('--sort <name>', 'sort by a column or a setting; -name sorts down')
    .option(
      '--where <condition>',
      'only runs for which this holds, such as ttr>0.6, state=done, learningRate<=1e-5, model~smol; may be repeated',
      (text: string, before: string[]) => [...before, text],
      [],
    )
    .option('--compare', 'put the runs side by side: the settings in which they differ, and their figures');
  addTableOptions(command)
    .addHelpText('after', MORE)
    .action(async (dirs: string[], options: RunsOptions) => (await import('../actions/runs.ts')).runs(dirs, options));
}
