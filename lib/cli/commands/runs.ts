import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { HyperfitError } from '../../errors.ts';
import { comparedFigures, differingSettings } from '../../run/run-differences.ts';
import { filterRuns, sortRuns } from '../../run/run-filter.ts';
import { listRuns, type ListedRun } from '../../run/run-list.ts';
import { addTableOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { differencesTable, renderDifferences, renderRuns, runsTable } from '../runs-text.ts';

interface RunsOptions extends OutputOptions {
  sort?: string;
  where: string[];
  compare?: boolean;
}

const DEFAULT_FOLDER = 'runs';

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
    .option('--where <condition>', 'only runs for which this holds, such as ttr>0.6, state=done, learningRate<=1e-5, model~smol; may be repeated', (text: string, before: string[]) => [...before, text], [])
    .option('--compare', 'put the runs side by side: the settings in which they differ, and their figures');
  addTableOptions(command).addHelpText('after', MORE).action(runs);
}

function runs(dirs: readonly string[], options: RunsOptions): void {
  const output = new Output(options);
  const folders = dirs.length > 0 ? dirs : existsSync(DEFAULT_FOLDER) ? [DEFAULT_FOLDER] : [];
  // Side by side they stand as they were named.
  const found = sortRuns(filterRuns(listRuns(folders), options.where), options.sort ?? (options.compare === true ? undefined : '-createdAt'));
  if (options.compare === true) return compare(found, output);
  output.result({ schemaVersion: 1, runs: found }, () => renderRuns(found, dirs.length > 0 ? dirs : [DEFAULT_FOLDER]), () => runsTable(found));
}

function compare(found: readonly ListedRun[], output: Output): void {
  const sound = found.filter(({ state }) => state !== 'broken');
  for (const { name, problem } of found.filter(({ state }) => state === 'broken')) output.warn(`${name} is left out: ${problem}`);
  if (sound.length < 2) throw new HyperfitError('ERR_CONFIG', `expected two runs or more to compare, got ${sound.length}; name their folders, or one that holds several`);
  const [settings, figures] = [differingSettings(sound), comparedFigures(sound)];
  const names = sound.map(({ name }) => name);
  output.result({ schemaVersion: 1, runs: names, settings, figures }, () => renderDifferences(names, settings, figures), () => differencesTable(names, settings, figures));
}
