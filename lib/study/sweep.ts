import type { TrainSettings } from '../train/settings.ts';
import { NO_FINDINGS, type FindingRow, type Findings } from './findings.ts';
import { meanTrainLoss, measureSums, measureTextRuns } from './measured.ts';
import { endOf, likelihoodCell, textCell, trainCell } from './recipes.ts';
import { stepsOf, trainSettingsOf } from './setting.ts';
import { firstDomain, type Bench, type Results, type Study } from './study.ts';
import type { Written } from './written.ts';

interface Variant {
  id: string;
  name: string;
  settings: Partial<TrainSettings>;
}

/** One setting at a time, around the study's own. */
function variantsOf(bench: Bench): Variant[] {
  const { learningRate, batchSize, ...base } = trainSettingsOf(bench.setting, {});
  const count = firstDomain(bench).train.length;
  const epochs = Math.max(1, Math.round((stepsOf({ ...base, batchSize }, count) * batchSize) / count));
  const rates =
    bench.setting.rates.length > 0
      ? bench.setting.rates
      : [learningRate / 3, learningRate, learningRate * 3].map((rate) => Number(rate.toPrecision(3)));
  const sizes = [Math.max(1, Math.round(batchSize / 2)), batchSize * 2].filter((size) => size !== batchSize && size <= count);
  return [
    ...rates.map((rate) => ({ id: `rate-${rate}`, name: `learning rate ${rate}`, settings: { learningRate: rate } })),
    ...[Math.round(epochs / 2), epochs * 2]
      .filter((some) => some >= 1 && some !== epochs)
      .map((some) => ({ id: `epochs-${some}`, name: `${some} epochs`, settings: { epochs: some, maxSteps: null } })),
    ...sizes.map((size) => ({ id: `batch-${size}`, name: `batch size ${size}`, settings: { batchSize: size } })),
    ...loraVariants(bench),
  ];
}

const LORA_RANK = 16;
/** As in the follow-up (arXiv 2605.22579). */
const LATE_LAYERS = 5;

/** Low-rank additions to all layers, and to the last ones only; none where the whole study trains such. */
function loraVariants({ setting, header }: Bench): Variant[] {
  if (setting.config.loraRank > 0) return [];
  const all = { id: `lora-${LORA_RANK}`, name: `LoRA of rank ${LORA_RANK}, all layers`, settings: { loraRank: LORA_RANK } };
  if (header.config.numHiddenLayers <= LATE_LAYERS) return [all];
  return [
    all,
    {
      id: `lora-${LORA_RANK}-late`,
      name: `LoRA of rank ${LORA_RANK}, last ${LATE_LAYERS} layers`,
      settings: { loraRank: LORA_RANK, loraLayers: LATE_LAYERS },
    },
  ];
}

const cell = (kind: string, { id }: Variant, seed: number): string => `${kind}-${id}-s${seed}`;

/** E13, absent from the paper. */
export const sweep: Study = {
  name: 'sweep',
  title: 'Learning rate, epochs, batch size, LoRA and seeds (E13, not in the paper)',
  question:
    'How much of the effect hangs on the learning rate, the number of epochs, the batch size, training all weights and the order of training?',
  plan: (bench) => [
    textCell(bench, 'text-original', 'original'),
    likelihoodCell(bench, 'likelihood-original', 'original'),
    ...variantsOf(bench).flatMap((variant) =>
      bench.setting.seeds.flatMap((seed) => [
        trainCell(bench, cell('train', variant, seed), { settings: { ...variant.settings, seed } }),
        textCell(bench, cell('text', variant, seed), endOf(cell('train', variant, seed))),
        likelihoodCell(bench, cell('likelihood', variant, seed), endOf(cell('train', variant, seed))),
      ]),
    ),
  ],
  conclude,
  written,
};

function written(bench: Bench): Written {
  const original = { name: 'original', cells: ['text-original'] };
  const texts = variantsOf(bench).map((variant) => ({
    name: variant.name,
    cells: bench.setting.seeds.map((seed) => cell('text', variant, seed)),
  }));
  return { texts: [original, ...texts], pairs: texts.map((each) => [each, original] as const) };
}

function conclude(bench: Bench, results: Results): Findings {
  const originals = rowsOf('original', [results.text('text-original')], [results.sums('likelihood-original')]);
  const rows = variantsOf(bench).flatMap((variant) => {
    const of = (kind: string) => bench.setting.seeds.map((seed) => cell(kind, variant, seed));
    return [
      ...trainRows(variant.name, of('train'), results),
      ...rowsOf(
        variant.name,
        of('text').map((id) => results.text(id)),
        of('likelihood').map((id) => results.sums(id)),
      ),
    ];
  });
  return {
    ...NO_FINDINGS,
    compared: ['training loss of the last pass', 'type-token ratio', 'repeated bigrams', 'held-out loss, nats'],
    rows: [...originals, ...rows],
    notes: [
      'One setting is changed at a time; the others are those of the study.',
      'The spread over seeds is the effect of the order of training alone.',
    ],
  };
}

function trainRows(of: string, ids: readonly string[], results: Results): FindingRow[] {
  const ours = meanTrainLoss(ids.map((cell) => ({ cell, value: results.get(cell, 'train').trainLoss })));
  return [{ of, quantity: 'training loss of the last pass', paper: null, ours, digits: 4 }];
}

function rowsOf(of: string, texts: Parameters<typeof measureTextRuns>[0], sums: Parameters<typeof measureSums>[0]): FindingRow[] {
  return [
    { of, quantity: 'type-token ratio', paper: null, ours: measureTextRuns(texts, 'ttr', { decoding: 'greedy' }), digits: 3 },
    { of, quantity: 'repeated bigrams', paper: null, ours: measureTextRuns(texts, 'rep2', { decoding: 'greedy' }), digits: 3 },
    { of, quantity: 'held-out loss, nats', paper: null, ours: measureSums(sums, 'loss'), digits: 3 },
    { of, quantity: 'held-out entropy, nats', paper: null, ours: measureSums(sums, 'entropy'), digits: 3 },
  ];
}
