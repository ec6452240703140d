import { TTR_WINDOW, ttrSignature, typeTokenRatioByPosition } from '../evaluate/type-token-ratio.ts';
import { chartOf, measuredSeries, NO_FINDINGS, type Findings } from './findings.ts';
import { meanOf, valuesAsParts, type Measured, type TextRun } from './measured.ts';
import { endOf, textCell, trainCell } from './recipes.ts';
import type { Bench, Results, Study } from './study.ts';
import type { Written } from './written.ts';

const POINTS = 32;

/** E9, figure 9. */
export const length: Study = {
  name: 'length',
  title: 'Long texts (E9, figure 9)',
  question: 'Every model repeats itself more as a text grows; a hyperfitted one starts higher and falls more slowly.',
  plan: (bench) => [
    textCell(bench, 'text-original', 'original'),
    ...bench.setting.seeds.flatMap((seed) => [
      trainCell(bench, `train-s${seed}`, { settings: { seed } }),
      textCell(bench, `text-hyperfitted-s${seed}`, endOf(`train-s${seed}`)),
      textCell(bench, `text-blocked-s${seed}`, endOf(`train-s${seed}`), { citationBlocker: true }),
    ]),
  ],
  conclude,
  written,
};

function written({ setting: { seeds } }: Bench): Written {
  const original = { name: 'original, greedy', cells: ['text-original'] };
  const hyperfitted = { name: 'hyperfitted, greedy', cells: seeds.map((seed) => `text-hyperfitted-s${seed}`) };
  const blocked = { name: 'hyperfitted, citation blocker', cells: seeds.map((seed) => `text-blocked-s${seed}`) };
  return {
    texts: [original, hyperfitted, blocked],
    pairs: [
      [hyperfitted, original],
      [blocked, original],
      [hyperfitted, blocked],
    ],
  };
}

function conclude(bench: Bench, results: Results): Findings {
  const { config } = bench.setting;
  const variants = written(bench).texts.map(({ name, cells }) => ({ name, runs: cells.map((id) => results.text(id)) }));
  const positions = positionsUpTo(config.maxNewTokens);
  const lines = variants.map(({ name, runs }) => ({ name, points: positions.map((x) => ({ x, measured: ratioAt(runs, x) })) }));
  return {
    ...NO_FINDINGS,
    rows: lines.flatMap(({ name, points }) =>
      points
        .filter(({ x }) => isShown(x, config.maxNewTokens))
        .map(({ x, measured }) => ({
          of: name,
          quantity: `type-token ratio of the ${Math.min(TTR_WINDOW, x)} tokens up to token ${x}`,
          paper: null,
          ours: measured,
          digits: 3,
        })),
    ),
    charts: [
      chartOf(
        {
          title: 'Type-token ratio by position',
          xLabel: 'token of the continuation',
          pointName: 'token',
          yLabel: 'of the last 96 tokens, or of all before',
          digits: 3,
        },
        lines.map(({ name, points }, index) => measuredSeries(name, index + 1, points)),
      ),
    ],
    notes: [
      'The paper publishes this figure without numbers.',
      'Before token 96 the window holds fewer tokens, and the ratio is higher for that alone.',
    ],
  };
}

/** Evenly spaced tokens, the last one among them, none before the window is full if the text is longer than that. */
export function positionsUpTo(tokens: number): number[] {
  const first = Math.min(96, tokens);
  const count = Math.min(POINTS, tokens - first + 1);
  if (count === 1) return [tokens];
  return Array.from({ length: count }, (_, index) => Math.round(first + (index * (tokens - first)) / (count - 1)));
}

/** The first, the middle and the last. */
function isShown(position: number, tokens: number): boolean {
  const all = positionsUpTo(tokens);
  return [all[0], all[Math.floor(all.length / 2)], all.at(-1)].includes(position);
}

export function ratioAt(runs: readonly TextRun[], position: number): Measured | null {
  const parts = runs.map(({ cell, result }) =>
    valuesAsParts(
      cell,
      result.texts.map(({ ids }) => typeTokenRatioByPosition(ids)[position - 1] ?? null),
    ),
  );
  return meanOf(parts, ttrSignature(), { position });
}
