import { LIKELIHOOD_FORMULAS, signNumber } from '../evaluate/signature.ts';
import type { TrainSettings } from '../train/settings.ts';
import { agreementParts } from './agreement.ts';
import type { LikelihoodCellResult } from './cell-results.ts';
import { comparePairs, NO_FINDINGS, type FindingRow, type Findings } from './findings.ts';
import { meanOf, measureTextRuns, textParts, type Measured } from './measured.ts';
import { ORDER_AGREEMENT } from './published.ts';
import { endOf, likelihoodCell, textCell, trainCell } from './recipes.ts';
import type { Bench, Results, Study } from './study.ts';
import type { Written } from './written.ts';

interface Variant {
  id: string;
  name: string;
  settings: Partial<TrainSettings>;
  repeat?: number;
}

/** The same samples and start weights: in one order twice, with one pair exchanged, and in a permutation per seed. */
function variantsOf({ setting }: Bench): Variant[] {
  const [seed = 0] = setting.seeds;
  return [
    { id: 'as-listed', name: 'as listed', settings: { order: 'identity', seed } },
    { id: 'repeat', name: 'as listed, again', settings: { order: 'identity', seed }, repeat: 1 },
    { id: 'swap-1', name: 'one pair exchanged', settings: { order: 'swap-1', seed } },
    ...setting.seeds.map((shuffle) => ({
      id: `shuffle-${shuffle}`,
      name: `shuffled, seed ${shuffle}`,
      settings: { order: 'shuffle' as const, seed: shuffle },
    })),
  ];
}

/** E6, section 6.1. */
export const order: Study = {
  name: 'order',
  title: 'Order of the samples (E6, figure 5 left)',
  question:
    'Hyperfitting the same samples in another order gives a model whose first choices differ in about 30 % of the positions; a repeat in the same order says how much of that is noise.',
  plan: (bench) =>
    variantsOf(bench).flatMap(({ id, settings, repeat = 0 }) => [
      trainCell(bench, `train-${id}`, { settings, repeat }),
      likelihoodCell(bench, `likelihood-${id}`, endOf(`train-${id}`)),
      textCell(bench, `text-${id}`, endOf(`train-${id}`)),
    ]),
  conclude,
  written,
};

function written(bench: Bench): Written {
  const texts = variantsOf(bench).map(({ id, name }) => ({ name, cells: [`text-${id}`] }));
  return { texts, pairs: texts.slice(1).map((each) => [texts[0]!, each] as const) };
}

function conclude(bench: Bench, results: Results): Findings {
  const variants = variantsOf(bench);
  const likelihoods = variants.map(({ id }) => ({ cell: `likelihood-${id}`, result: results.get(`likelihood-${id}`, 'likelihood') }));
  const values = likelihoods.map((left) => likelihoods.map((right) => agreement([left, right])));
  const texts = variants.map(({ id, name }) => ({ name, run: results.text(`text-${id}`) }));
  const ttr = texts.map(({ name, run }): FindingRow => ({
    of: name,
    quantity: 'type-token ratio',
    paper: null,
    ours: measureTextRuns([run], 'ttr', { decoding: 'greedy' }),
    digits: 3,
  }));
  const runs = texts.map(({ name, run }) => ({ name, runs: [textParts(run, ({ ttr: ratio }) => ratio)] }));
  return {
    ...NO_FINDINGS,
    compared: ['type-token ratio'],
    rows: [...agreementRows(values), ...ttr],
    matrices: [
      {
        title: 'Top-1 agreement',
        rowTitle: 'order of training',
        columnTitle: 'order of training',
        rows: variants.map(({ name }) => name),
        columns: variants.map(({ name }) => name),
        values,
        digits: 3,
      },
    ],
    tests: comparePairs(
      'type-token ratio',
      runs.slice(1).map((variant) => [runs[0]!, variant] as const),
    ),
    notes: [
      'Every training has the same samples and begins from the same weights; seeds change the order alone.',
      'A repeat that agrees everywhere means that this machine computes the same run bit by bit.',
    ],
  };
}

interface Likelihood {
  cell: string;
  result: LikelihoodCellResult;
}

function agreement([left, right]: readonly [Likelihood, Likelihood]): Measured | null {
  const measured = meanOf(
    [{ cell: left.cell, unit: 'sequences', parts: agreementParts(left.result, right.result) }],
    LIKELIHOOD_FORMULAS.agreement,
  );
  return measured === null ? null : { ...measured, files: [...measured.files, `cells/${right.cell}.json`] };
}

function agreementRows(values: readonly (readonly (Measured | null)[])[]): FindingRow[] {
  const [repeat, swap] = [values[0]?.[1] ?? null, values[0]?.[2] ?? null];
  const shuffled = values.slice(3).flatMap((row, at) => row.slice(3 + at + 1));
  const mean = meanMeasured([...shuffled, ...(values[0]?.slice(3) ?? [])]);
  return [
    { of: 'repeat', quantity: 'agreement with the same order', paper: null, ours: repeat, digits: 3 },
    { of: 'one pair exchanged', quantity: 'agreement with the order as listed', paper: ORDER_AGREEMENT, ours: swap, digits: 3 },
    { of: 'permutations', quantity: 'agreement, mean over pairs of different orders', paper: ORDER_AGREEMENT, ours: mean, digits: 3 },
  ];
}

function meanMeasured(all: readonly (Measured | null)[]): Measured | null {
  const found = all.filter((measured) => measured !== null);
  if (found.length === 0) return null;
  const value = found.reduce((sum, measured) => sum + measured.value, 0) / found.length;
  return {
    value,
    low: null,
    high: null,
    n: found.length,
    unit: 'pairs of runs',
    seeds: found.map((measured) => measured.value),
    signature: signNumber(`${LIKELIHOOD_FORMULAS.agreement}|mean:pairs`, { n: found.length }),
    files: [...new Set(found.flatMap(({ files }) => files))],
  };
}
