import type { ListedRun, RunFigures } from './run-list.ts';

/** A line of a comparison: a value of each run, in their order; undefined where a run has none. */
export interface RunLine {
  name: string;
  values: unknown[];
}

/** Where a folder is and that it was gone on with say nothing of a recipe. */
const NO_RECIPE = new Set(['out', 'resume']);

/** Settings, versions and data in which runs differ. */
export function differingSettings(runs: readonly ListedRun[]): RunLine[] {
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
  'step', 'loss', 'certifiedLoss', 'heldOutLoss', 'entropy', 'ttr', 'rep2', 'selfBleu', 'overlapMean', 'overlapMax', 'exactMatch', 'originalTtr', 'originalRep2', 'seconds',
] as const satisfies readonly (keyof RunFigures)[];

/** The figures that any of the runs has. */
export function comparedFigures(runs: readonly ListedRun[]): RunLine[] {
  return FIGURES.map((name) => ({ name, values: runs.map((run) => run[name]) })).filter(({ values }) => values.some((value) => value !== null));
}
