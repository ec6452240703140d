import { comparePairs, NO_FINDINGS, type FindingRow, type Findings, type Published } from './findings.ts';
import { measurePerplexity, measureSums, type RunParts, type SumsRun } from './measured.ts';
import { TABLE_3 } from './published.ts';
import { endOf, likelihoodCell, trainCell } from './recipes.ts';
import type { Bench, Results, Study } from './study.ts';

const train = (seed: number): string => `train-s${seed}`;
const likelihood = (seed: number): string => `likelihood-s${seed}`;

/** E4, table 3. */
export const sharpness: Study = {
  name: 'sharpness',
  title: 'Sharpness of predictions (E4, table 3)',
  question:
    'On text that a person wrote, a hyperfitted model puts most of its probability on one token: entropy falls, and perplexity rises.',
  plan: (bench) => [
    likelihoodCell(bench, 'likelihood-original', 'original'),
    ...bench.setting.seeds.flatMap((seed) => [
      trainCell(bench, train(seed), { settings: { seed } }),
      likelihoodCell(bench, likelihood(seed), endOf(train(seed))),
    ]),
  ],
  conclude,
};

function conclude({ setting }: Bench, results: Results): Findings {
  const original = [results.sums('likelihood-original')];
  const hyperfitted = setting.seeds.map((seed) => results.sums(likelihood(seed)));
  return {
    ...NO_FINDINGS,
    compared: ['entropy, nats', 'probability of the first choice (@1)', 'of the first five (@5)', 'perplexity', 'top-1 accuracy'],
    rows: [...rowsOf('original', original, 0), ...rowsOf('hyperfitted', hyperfitted, 1)],
    tests: (['loss', 'entropy', 'top1Mass'] as const).flatMap((key) =>
      comparePairs(key, [
        [
          { name: 'hyperfitted', runs: hyperfitted.map((run) => partsOf(run, key)) },
          { name: 'original', runs: original.map((run) => partsOf(run, key)) },
        ],
      ]),
    ),
    notes: [
      'The paper’s values are those of Llama 3.1 8B on 300 texts.',
      'Differences are means over sequences of differences of means over their tokens.',
    ],
  };
}

function partsOf({ cell, sums }: SumsRun, key: 'loss' | 'entropy' | 'top1Mass'): RunParts {
  return { cell, unit: 'sequences', parts: sums.tokens.map((count, at) => ({ sum: sums[key][at]!, count })) };
}

function rowsOf(of: string, runs: readonly SumsRun[], column: 0 | 1): FindingRow[] {
  const row = (quantity: string, ours: FindingRow['ours'], digits: number, paper: Published | null = null): FindingRow => ({
    of,
    quantity,
    paper,
    ours,
    digits,
  });
  return [
    row('perplexity', measurePerplexity(runs), 1, TABLE_3.perplexity[column]),
    row('loss, nats', measureSums(runs, 'loss'), 3),
    row('entropy, nats', measureSums(runs, 'entropy'), 3, TABLE_3.entropy[column]),
    row('probability of the first choice (@1)', measureSums(runs, 'top1Mass'), 3, TABLE_3.top1Mass[column]),
    row('of the first three (@3)', measureSums(runs, 'top3Mass'), 3),
    row('of the first five (@5)', measureSums(runs, 'top5Mass'), 3),
    row('top-1 accuracy', measureSums(runs, 'top1Accuracy'), 3),
  ];
}
