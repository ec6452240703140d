import { decodePieces } from '../run/pieces.ts';
import { HyperfitError } from '../errors.ts';
import type { ProbeCellResult, ProbePosition } from './cell-results.ts';
import { chartOf, measuredSeries, NO_FINDINGS, type FindingChart, type FindingRow, type Findings } from './findings.ts';
import { plain } from './measured.ts';
import { published } from './published.ts';
import { endOf, trainCell } from './recipes.ts';
import { firstDomain, type Bench, type Results, type Study } from './study.ts';

const TOP = 5;

/** E5, figure 4. */
export const probe: Study = {
  name: 'probe',
  title: 'Next tokens of a text (E5, figure 4)',
  question:
    'After the first half of a name the hyperfitted model is nearly certain of the second, though the name never occurs in what it was trained on.',
  plan: (bench) => {
    const text = bench.setting.probeText;
    if (text === null)
      throw new HyperfitError(
        'ERR_CONFIG',
        'expected the text to look at for `text`, got none; give --text, as in --text "He plays for Manchester United"',
      );
    const [seed = 0] = bench.setting.seeds;
    return [
      { kind: 'probe', id: 'probe-original', weights: 'original', text, topK: TOP },
      trainCell(bench, 'train', { settings: { seed } }),
      { kind: 'probe', id: 'probe-hyperfitted', weights: endOf('train'), text, topK: TOP },
    ];
  },
  conclude,
};

function conclude(bench: Bench, results: Results): Findings {
  const models = [
    { name: 'original', cell: 'probe-original' },
    { name: 'hyperfitted', cell: 'probe-hyperfitted' },
  ].map((model) => ({ ...model, result: results.get(model.cell, 'probe') }));
  return {
    ...NO_FINDINGS,
    rows: [...occurrenceRows(bench), ...models.flatMap(({ name, cell, result }) => rowsOf(name, cell, result))],
    charts: [probabilityChart(models)],
    notes: [
      'Figure 4 of the paper: almost no probability on “Manchester”, then .928 on “United”; neither word is in its hyperfitting data.',
      'Each position is named by the token of the text that stands there; expected is what the model put first.',
    ],
  };
}

function probabilityChart(models: readonly { name: string; cell: string; result: ProbeCellResult }[]): FindingChart {
  const series = models.map(({ name, cell, result: { positions } }, index) => {
    const points = positions.flatMap(({ probability }, at) =>
      probability === null ? [] : [{ x: at + 1, measured: plain(probability, FORMULA, [1, 'tokens'], [cell]) }],
    );
    return measuredSeries(name, index + 1, points);
  });
  return chartOf(
    {
      title: 'Probability of each token of the text',
      xLabel: 'token of the text',
      pointName: 'token',
      yLabel: 'after all before it',
      digits: 3,
    },
    series,
  );
}

const FORMULA = 'next-token-probability';

function rowsOf(name: string, cell: string, { positions }: ProbeCellResult): FindingRow[] {
  return positions.flatMap((position, at) => {
    const before = positions[at - 1];
    return position.probability === null || before === undefined
      ? []
      : [
          {
            of: name,
            quantity: `probability of ${quoted(position)} at token ${at + 1}; expected: ${before.top.map(expected).join(', ')}`,
            paper: null,
            ours: plain(position.probability, FORMULA, [1, 'tokens'], [cell], { token: at + 1 }),
            digits: 4,
          },
        ];
  });
}

const quoted = ({ piece }: Pick<ProbePosition, 'piece'>): string => JSON.stringify(piece);
const expected = ({ piece, probability }: ProbePosition['top'][number]): string => `${JSON.stringify(piece)} ${probability.toFixed(3)}`;

/** In how many training samples the word stands. */
function occurrenceRows(bench: Bench): FindingRow[] {
  const { probeWord } = bench.setting;
  const { tokenizer } = bench.header;
  if (probeWord === null || tokenizer === undefined) return [];
  const { train } = firstDomain(bench);
  const found = train.filter(({ ids }) => decodePieces(tokenizer, ids).join('').includes(probeWord)).length;
  return [
    {
      of: 'training samples',
      quantity: `samples that hold ${JSON.stringify(probeWord)}`,
      paper: published('0', 'S'),
      ours: {
        ...plain(found, 'samples-with-word|match:exact-text', [train.length, 'samples'], []),
        files: [`domain ${firstDomain(bench).name}`],
      },
      digits: 0,
    },
  ];
}
