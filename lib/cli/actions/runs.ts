import { existsSync } from 'node:fs';
import { compareRuns } from '../../run/run-differences.ts';
import { filterRuns, sortRuns } from '../../run/run-filter.ts';
import { listRuns, type ListedRun } from '../../run/run-list.ts';
import { DEFAULT_FOLDER, type RunsOptions } from '../commands/runs.ts';
import { Output } from '../output.ts';
import { differencesTable, renderDifferences, renderRuns, runsTable } from '../runs-text.ts';

export function runs(dirs: readonly string[], options: RunsOptions): void {
  const output = new Output(options);
  const folders = dirs.length > 0 ? dirs : existsSync(DEFAULT_FOLDER) ? [DEFAULT_FOLDER] : [];
  // Side by side they stand as they were named.
  const found = sortRuns(
    filterRuns(listRuns(folders), options.where),
    options.sort ?? (options.compare === true ? undefined : '-createdAt'),
  );
  if (options.compare === true) return compare(found, output);
  output.result(
    { schemaVersion: 1, runs: found },
    () => renderRuns(found, dirs.length > 0 ? dirs : [DEFAULT_FOLDER]),
    () => runsTable(found),
  );
}

function compare(found: readonly ListedRun[], output: Output): void {
  for (const { name, problem } of found.filter(({ state }) => state === 'broken')) output.warn(`${name} is left out: ${problem}`);
  const compared = compareRuns(found);
  const { runs: names, settings, figures } = compared;
  output.result(
    { schemaVersion: 1, ...compared },
    () => renderDifferences(names, settings, figures),
    () => differencesTable(names, settings, figures),
  );
}
