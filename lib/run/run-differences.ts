import { HyperfitError } from '../errors.ts';
import type { ListedRun, RunFigures } from './run-list.ts';

/** A line of a comparison: a value of each run, in their order; undefined where a run has none. */
export interface RunLine {
  /** Of a setting or a figure. */
  name: string;
  /** Of each run. */
  values: unknown[];
}

/** Runs side by side. */
export interface RunComparison {
  /** Names of those that could be read, in the order in which they were given. */
  runs: string[];
  /** Settings, versions and data in which they differ. */
  settings: RunLine[];
  /** Figures that any of them has. */
  figures: RunLine[];
}

/**
 * Puts runs side by side: in what they differ, and what came of it. Broken ones are left out.
 * @param listed as `listRuns` gives them
 * @throws HyperfitError ERR_CONFIG for fewer than two that can be read
 *
 * @example
 * const { runs, settings, figures } = compareRuns(listRuns(['runs/first', 'runs/second']));
 * for (const { name, values } of [...settings, ...figures]) console.log(name, ...values);
 */
export function compareRuns(listed: readonly ListedRun[]): RunComparison {
  const runs = listed.filter(({ state }) => state !== 'broken');
  if (runs.length < 2)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected two runs or more to compare, got ${runs.length}; name their folders, or one that holds several`,
    );
  return { runs: runs.map(({ name }) => name), settings: differingSettings(runs), figures: comparedFigures(runs) };
}

/** Where a folder is and that it was gone on with say nothing of a recipe. */
const NO_RECIPE = new Set(['out', 'resume']);

function differingSettings(runs: readonly ListedRun[]): RunLine[] {
  const names = [...new Set(runs.flatMap(({ config }) => Object.keys(config ?? {})))].filter((name) => !NO_RECIPE.has(name));
  const lines = [
    ...names.map((name) => ({ name, values: runs.map(({ config }) => config?.[name]) })),
    { name: 'sequences', values: runs.map(({ sequences }) => sequences) },
    { name: 'data (SHA-256)', values: runs.map(({ dataSha256 }) => dataSha256?.slice(0, 16)) },
    ...['hyperfit', 'torch'].map((name) => ({ name: `version of ${name}`, values: runs.map(({ versions }) => versions?.[name]) })),
  ];
  return lines.filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

const FIGURES = [
  'step',
  'loss',
  'certifiedLoss',
  'heldOutLoss',
  'entropy',
  'ttr',
  'rep2',
  'selfBleu',
  'overlapMean',
  'overlapMax',
  'exactMatch',
  'originalTtr',
  'originalRep2',
  'seconds',
] as const satisfies readonly (keyof RunFigures)[];

function comparedFigures(runs: readonly ListedRun[]): RunLine[] {
  return FIGURES.map((name) => ({ name, values: runs.map((run) => run[name]) })).filter(({ values }) =>
    values.some((value) => value !== null),
  );
}
