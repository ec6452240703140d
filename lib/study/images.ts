import { renderGrid } from '../image/grid.ts';
import { decodePixels } from '../image/image-format.ts';
import { contextPixels, IMAGE_SIGNATURES, measureImage, type ImageMetrics } from '../image/image-metrics.ts';
import { writePng } from '../image/png.ts';
import type { CompletionCell, Weights } from './cell.ts';
import type { CompletionCellResult } from './cell-results.ts';
import { comparePairs, NO_FINDINGS, type FindingImage, type FindingRow, type Findings } from './findings.ts';
import { meanOf, measureSums, valuesAsParts, type RunParts } from './measured.ts';
import { endOf, likelihoodCell, trainCell } from './recipes.ts';
import { firstDomain, type Bench, type Results, type Study } from './study.ts';

/** Images in the grid. */
const SHOWN = 8;

const METRICS: readonly { key: keyof ImageMetrics; quantity: string }[] = [
  { key: 'rowRepeatRate', quantity: 'rows equal to the row above' },
  { key: 'paletteTtr', quantity: 'distinct over completed palette ids' },
  { key: 'distinctRows', quantity: 'distinct over completed rows' },
  { key: 'trainingMatch', quantity: 'pixels equal to the nearest training image' },
];

interface Variant {
  name: string;
  runs: { cell: string; images: CompletionCellResult['images'] }[];
}

/** E10, section 7.1. */
export const images: Study = {
  name: 'images',
  title: 'Images (E10, figure 6)',
  question:
    'Of images cut after a quarter the original ImageGPT paints stripes downwards; does a hyperfitted one paint more, and without painting training images?',
  plan: (bench) => [
    completion(bench, 'completion-original', 'original'),
    likelihoodCell(bench, 'likelihood-original', 'original'),
    ...bench.setting.seeds.flatMap((seed) => [
      trainCell(bench, `train-s${seed}`, { settings: { seed } }),
      completion(bench, `completion-hyperfitted-s${seed}`, endOf(`train-s${seed}`)),
      likelihoodCell(bench, `likelihood-hyperfitted-s${seed}`, endOf(`train-s${seed}`)),
    ]),
  ],
  conclude,
};

function completion(bench: Bench, id: string, weights: Weights): CompletionCell {
  return { kind: 'completion', id, weights, domain: firstDomain(bench).name };
}

function conclude(bench: Bench, results: Results): Findings {
  const { seeds } = bench.setting;
  const run = (cell: string) => ({ cell, images: results.get(cell, 'completion').images });
  const original: Variant = { name: 'original', runs: [run('completion-original')] };
  const hyperfitted: Variant = { name: 'hyperfitted', runs: seeds.map((seed) => run(`completion-hyperfitted-s${seed}`)) };
  const sums = {
    original: [results.sums('likelihood-original')],
    hyperfitted: seeds.map((seed) => results.sums(`likelihood-hyperfitted-s${seed}`)),
  };
  const asTest = ({ name, runs }: Variant) => ({ name, runs: partsOf(runs, 'rowRepeatRate') });
  return {
    ...NO_FINDINGS,
    rows: [
      ...[original, hyperfitted].flatMap(({ name, runs }) =>
        METRICS.map(({ key, quantity }): FindingRow => ({
          of: name,
          quantity,
          paper: null,
          ours: meanOf(partsOf(runs, key), IMAGE_SIGNATURES[key]),
          digits: 3,
        })),
      ),
      ...realRows(bench),
      ...(['original', 'hyperfitted'] as const).map((name): FindingRow => ({
        of: name,
        quantity: 'held-out loss, nats per pixel',
        paper: null,
        ours: measureSums(sums[name], 'loss'),
        digits: 3,
      })),
    ],
    tests: comparePairs('rows equal to the row above', [[asTest(hyperfitted), asTest(original)]]),
    images: [grid(bench, [original, hyperfitted])],
    notes: [
      'The paper shows eight images and gives no numbers; its cells stay empty.',
      'The end of an image is read off the last position: every image is complete.',
    ],
  };
}

function partsOf(runs: Variant['runs'], key: keyof ImageMetrics): RunParts[] {
  return runs.map(({ cell, images: all }) =>
    valuesAsParts(
      cell,
      all.map((image) => image[key]),
      'images',
    ),
  );
}

/** What the completed part of the real images measures. */
function realRows(bench: Bench): FindingRow[] {
  const { images: format, name } = firstDomain(bench);
  const measured = realImages(bench).map((pixels) => measureImage(pixels, format!.width, contextPixels(format!)));
  return METRICS.filter(({ key }) => key !== 'trainingMatch').map(({ key, quantity }) => {
    const mean = meanOf(
      [
        valuesAsParts(
          '',
          measured.map((image) => image[key]),
          'images',
        ),
      ],
      IMAGE_SIGNATURES[key],
      { images: 'real' },
    );
    return { of: 'real images', quantity, paper: null, ours: mean === null ? null : { ...mean, files: [`domain ${name}`] }, digits: 3 };
  });
}

function realImages(bench: Bench): Int32Array[] {
  return firstDomain(bench).contexts.map(({ context, original }) => Int32Array.of(...context.subarray(1), ...original));
}

function grid(bench: Bench, variants: readonly Variant[]): FindingImage {
  const format = firstDomain(bench).images!;
  const rows = [realImages(bench), ...variants.map(({ runs }) => runs[0]!.images.map(({ pixels }) => pixels))];
  const picture = renderGrid(
    rows.map((row) => row.slice(0, SHOWN).map((pixels) => decodePixels(pixels, format))),
    { contextPixels: contextPixels(format), columns: SHOWN },
  );
  return {
    title: 'Completions',
    caption: 'Rows from above: real, original, hyperfitted. What stands above the red line was given.',
    width: picture.width,
    base64: Buffer.from(writePng(picture)).toString('base64'),
  };
}
