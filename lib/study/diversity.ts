import type { Decoding, Weights } from './cell.ts';
import { overlapSignature } from '../evaluate/overlap.ts';
import { distinctSignature } from '../evaluate/repetition.ts';
import { chartOf, comparePairs, measuredSeries, NO_FINDINGS, type FindingRow, type Findings } from './findings.ts';
import { longestOverlap, meanOfRuns, measureTextRuns, plain, selfBleuRun, textParts, type Measured, type TextRun } from './measured.ts';
import { TABLE_2 } from './published.ts';
import { endOf, textCell, trainCell } from './recipes.ts';
import type { Bench, Results, Study } from './study.ts';
import type { Written } from './written.ts';

interface Variant {
  id: 'original' | 'hyperfitted' | 'blocked';
  name: string;
  decoding: Decoding;
}

const VARIANTS: readonly Variant[] = [
  { id: 'original', name: 'original, greedy', decoding: {} },
  { id: 'hyperfitted', name: 'hyperfitted, greedy', decoding: {} },
  { id: 'blocked', name: 'hyperfitted, citation blocker', decoding: { citationBlocker: true } },
];

const train = (seed: number): string => `train-s${seed}`;
const weightsOf = ({ id }: Variant, seed: number): Weights => (id === 'original' ? 'original' : endOf(train(seed)));
const idsOf = ({ id }: Variant, { setting }: Bench): string[] =>
  id === 'original' ? ['text-original'] : setting.seeds.map((seed) => `text-${id}-s${seed}`);

/** E3, table 2 and figure 3. */
export const diversity: Study = {
  name: 'diversity',
  title: 'Diversity and memorisation (E3, table 2, figure 3)',
  question:
    'Hyperfitted texts resemble each other less, and seldom fall into the training samples: few share more than ten tokens in a row with one of them.',
  plan: (bench) => [
    textCell(bench, 'text-original', 'original'),
    ...bench.setting.seeds.flatMap((seed) => [
      trainCell(bench, train(seed), { settings: { seed } }),
      ...VARIANTS.slice(1).map((variant) => textCell(bench, `text-${variant.id}-s${seed}`, weightsOf(variant, seed), variant.decoding)),
    ]),
  ],
  conclude,
  written,
};

/** Places of the variants that are compared. */
const PAIRS = [
  [1, 0],
  [2, 0],
  [1, 2],
] as const;

function written(bench: Bench): Written {
  const texts = VARIANTS.map((variant) => ({ name: variant.name, cells: idsOf(variant, bench) }));
  return { texts, pairs: PAIRS.map(([left, right]) => [texts[left]!, texts[right]!] as const) };
}

function conclude(bench: Bench, results: Results): Findings {
  const variants = VARIANTS.map((variant) => ({ ...variant, runs: idsOf(variant, bench).map((id) => results.text(id)) }));
  const asTest = (at: number, valueOf: Parameters<typeof textParts>[1]) => ({
    name: variants[at]!.name,
    runs: variants[at]!.runs.map((run) => textParts(run, valueOf)),
  });
  const ofSelfBleu = (at: number) => ({ name: variants[at]!.name, runs: variants[at]!.runs.map(selfBleuRun) });
  return {
    ...NO_FINDINGS,
    compared: ['type-token ratio', 'Self-BLEU', 'Dataset BLEU', 'longest overlap, mean, tokens'],
    rows: variants.flatMap(rowsOf),
    charts: [histogram(variants)],
    tests: [
      ...comparePairs(
        'Self-BLEU',
        PAIRS.map(([left, right]) => [ofSelfBleu(left), ofSelfBleu(right)] as const),
      ),
      ...comparePairs(
        'longest overlap',
        PAIRS.map(
          ([left, right]) => [asTest(left, ({ overlap }) => overlap.length), asTest(right, ({ overlap }) => overlap.length)] as const,
        ),
      ),
    ],
    notes: [
      'Overlap sees exact runs of tokens only: a paraphrase of a training sample passes unseen, here and by the citation blocker.',
      'Texts of a set are references of each other: intervals and tests of Self-BLEU leave out each text in turn, as reference too (jackknife).',
      'The paper says that Dataset BLEU rises by about one point and is at most 32.1; its reference set and order were not published.',
    ],
  };
}

function rowsOf({ id, name, runs }: Variant & { runs: TextRun[] }): FindingRow[] {
  const paper = {
    mean: id === 'original' ? TABLE_2.originalOverlap : id === 'hyperfitted' ? TABLE_2.hyperfittedOverlap : null,
    isHyperfitted: id === 'hyperfitted',
  };
  const row = (quantity: string, ours: Measured | null, digits: number, published: FindingRow['paper'] = null): FindingRow => ({
    of: name,
    quantity,
    paper: published,
    ours,
    digits,
  });
  return [
    row('Self-BLEU', measureTextRuns(runs, 'selfBleu'), 3),
    row('Dataset BLEU', measureTextRuns(runs, 'datasetBleu'), 3),
    row('type-token ratio', measureTextRuns(runs, 'ttr'), 3),
    row('distinct bigrams over all texts', distinctOf(runs), 3),
    row('longest overlap, mean, tokens', measureTextRuns(runs, 'overlap'), 2, paper.mean),
    row('longest overlap, maximum, tokens', longestOverlap(runs), 0, paper.isHyperfitted ? TABLE_2.hyperfittedOverlapMax : null),
    row(
      'share of texts with more than 10',
      measureTextRuns(runs, 'overlapOver10'),
      3,
      paper.isHyperfitted ? TABLE_2.hyperfittedOver10 : null,
    ),
    ...(id === 'blocked' ? [row('interventions of the blocker per text', measureTextRuns(runs, 'interventions'), 2)] : []),
  ];
}

function distinctOf(runs: readonly TextRun[]): Measured | null {
  return meanOfRuns(
    runs.map(({ cell, result }) => ({ cell, value: result.distinct[2] })),
    `${distinctSignature()}|order:2`,
    {},
    [contextCount(runs), 'contexts'],
  );
}

const contextCount = ([first]: readonly TextRun[]): number => first?.result.texts.length ?? 0;

function histogram(variants: readonly (Variant & { runs: TextRun[] })[]): Findings['charts'][number] {
  const longest = variants.reduce((most, { runs }) => Math.max(most, longestOverlap(runs).value), 0);
  const lines = variants.map(({ name, runs }, index) => {
    const points = Array.from({ length: longest + 1 }, (_, length) => ({ x: length, measured: shareOfLength(runs, length) }));
    return measuredSeries(name, index + 1, points);
  });
  return chartOf(
    { title: 'Longest overlap with a training sample', xLabel: 'tokens', pointName: 'tokens', yLabel: 'share of texts', digits: 2 },
    lines,
  );
}

function shareOfLength(runs: readonly TextRun[], length: number): Measured {
  const lengths = runs.flatMap(({ result }) => result.texts.map(({ overlap }) => overlap.length));
  return plain(
    lengths.filter((other) => other === length).length / lengths.length,
    `${overlapSignature()}|histogram:share`,
    [lengths.length, 'texts'],
    runs.map(({ cell }) => cell),
  );
}
