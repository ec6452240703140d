import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { replaceFile } from '../checkpoint/atomic-folder.ts';
import { isComplete } from '../checkpoint/checkpoint-list.ts';
import { readdir } from '../file-system.ts';
import { ADAPTER_FOLDER } from '../model/adapter-files.ts';
import { adapterCard } from '../model/adapter-save.ts';
import { hubName, shortModelName } from '../model/base-name.ts';
import { readLicense } from '../model/license.ts';
import { CARD_FILE, markdownTable, renderModelCard, type CardSection, type ModelCard } from '../model/model-card.ts';
import { openModelFiles } from '../model/model-files.ts';
import { comparisonMetrics } from '../report/comparison-metrics.ts';
import { makeVariant } from '../report/variant.ts';
import { readComparison } from './comparison-file.ts';
import { readMemorisation } from './memorisation-file.ts';
import { readMetrics } from './metric-log.ts';
import { savedRunFile, type RunFile } from './run-file.ts';
import { runFolder, type RunFolder } from './run-folder.ts';

/** What a run knows of the models that it has made, for `model.save`, exports and its own folders. Never a text of the data. */
export async function runCard(folder: RunFolder): Promise<Partial<ModelCard>> {
  const file = savedRunFile(folder);
  const baseName = shortModelName(file.model.path);
  const license = await openModelFiles(file.model.path)
    .then(readLicense)
    .catch(() => undefined);
  return {
    title: `${baseName}, hyperfitted`,
    baseModel: hubName(file.model.path),
    baseName,
    license,
    isHyperfitted: true,
    sections: [recipe(file), data(file), ...certificate(folder), ...comparison(folder), ...memorisation(folder)],
  };
}

/**
 * The card of the run that made the model at `path` (a checkpoint, `best-*`, or what stands in one); undefined for a model of no run.
 *
 * @example
 * using mine = await Model.load('runs/novel');
 * await mine.save('my-model', { card: await cardOf(mine.path) });
 */
export async function cardOf(path: string): Promise<Partial<ModelCard> | undefined> {
  for (let place = path, up = 0; up <= MOST_LEVELS; place = dirname(place), up++) {
    const folder = runFolder(place);
    if (!existsSync(folder.runFile)) continue;
    return runCard(folder).catch(() => undefined);
  }
  return undefined;
}

/** run/checkpoints/step-000250/adapter */
const MOST_LEVELS = 3;

/** Writes the card of a run into every complete folder of weights that it has, in place of what was known before its end. */
export async function writeRunCards(folder: RunFolder): Promise<void> {
  const card = await runCard(folder);
  const names = await readdir(folder.checkpoints).catch(() => [] as string[]);
  const base = savedRunFile(folder).model.path;
  for (const path of names.map((name) => join(folder.checkpoints, name))) {
    if (!(await isComplete(path, { sizesOnly: true }))) continue;
    await replaceFile(
      join(path, CARD_FILE),
      renderModelCard({ library: 'transformers', dtype: 'float32', ...(card as Pick<ModelCard, 'title' | 'baseName'>), ...card }),
    );
    const adapter = join(path, ADAPTER_FOLDER);
    if (existsSync(adapter))
      await replaceFile(join(adapter, CARD_FILE), renderModelCard({ ...adapterCard(base), ...card, tags: ['lora'] }));
  }
}

function recipe({ config, versions }: RunFile): CardSection {
  const {
    learningRate,
    batchSize,
    epochs,
    maxSteps,
    targetLoss,
    weightDecay,
    seed,
    loraRank,
    loraAlpha,
    computeDtype,
    order,
    warmupSteps,
    quantize = null,
  } = config;
  const limits = [
    epochs === null ? '' : `${epochs} epochs`,
    maxSteps === null ? '' : `${maxSteps} steps`,
    targetLoss === null ? '' : `a mean training loss below ${targetLoss}`,
  ].filter((limit) => limit !== '');
  const rows: [string, string][] = [
    ['trained', loraRank > 0 ? `LoRA of rank ${loraRank}, alpha ${loraAlpha}` : 'all weights'],
    [
      'optimiser',
      `AdamW, learning rate ${learningRate}${warmupSteps > 0 ? ` after ${warmupSteps} steps of warm-up` : ''}, weight decay ${weightDecay}`,
    ],
    ['batch', `${batchSize} sequences`],
    ['until the first of', limits.join(', ')],
    ['order and seed', `${order}, ${seed}`],
    ['arithmetic', computeDtype],
    ...(quantize === null
      ? []
      : [
          ['trained for', `GGUF ${quantize}: passes ran on weights rounded to it; these are the float32 weights behind them`] as [
            string,
            string,
          ],
        ]),
    ['versions', `hyperfit ${versions.hyperfit}, torch ${versions.torch}`],
  ];
  return { title: 'Recipe', lines: markdownTable(['setting', 'value'], rows) };
}

function data({ data: { sha256, tokens, samples }, model }: RunFile): CardSection {
  const rows: [string, string][] = [
    ['training sequences', `${samples.length}, ${tokens} tokens`],
    ['SHA-256 of the ids', `\`${sha256}\``],
    ...Object.values(model.files).map((hash): [string, string] => ['SHA-256 of the base', `\`${hash}\``]),
  ];
  return { title: 'Data', lines: [...markdownTable(['', ''], rows), '', 'The texts themselves are no part of this folder.'] };
}

function certificate(folder: RunFolder): CardSection[] {
  const record = readMetrics(folder.metricsFile).findLast(({ type }) => type === 'certificate');
  if (record === undefined) return [];
  const number = (key: string, digits: number): string => (typeof record[key] === 'number' ? record[key].toFixed(digits) : 'unknown');
  const rows: [string, string][] = [
    ['steps', String(record.step)],
    ['mean training loss', `${number('meanLoss', 4)} nats per token (no model can have less than ${number('lossFloor', 4)})`],
    ['worst sequence', `${number('worstLoss', 4)} nats per token`],
    ['top-1 accuracy on the training sequences', number('top1Accuracy', 4)],
    ['entropy on them', `${number('entropy', 3)} nats`],
    ['share of weights that changed', number('changedShare', 4)],
    ...(typeof record['quantize'] === 'string'
      ? [['measured on weights', `as a ${record['quantize']} file holds them`] as [string, string]]
      : []),
  ];
  return [
    { title: 'Certificate', lines: ['After the last step, on the training sequences.', '', ...markdownTable(['measure', 'value'], rows)] },
  ];
}

/** Before and after, on held-out contexts. */
function comparison(folder: RunFolder): CardSection[] {
  const variants = readComparison(folder).map(({ name, isHyperfitted, result, image }) => makeVariant(name, isHyperfitted, result, image));
  if (variants.length === 0) return [];
  const metrics = comparisonMetrics(variants).filter((metric) =>
    variants.some(({ metrics: figures }) => /\d/.test(metric.format(figures))),
  );
  const rows = metrics.map((metric) => [
    `${metric.label} (${metric.unit})`,
    ...variants.map(({ metrics: figures }) => metric.format(figures)),
  ]);
  return [
    { title: 'Before and after', lines: ['On held-out contexts.', '', ...markdownTable(['', ...variants.map(({ name }) => name)], rows)] },
  ];
}

function memorisation(folder: RunFolder): CardSection[] {
  const variants = readMemorisation(folder)?.variants ?? [];
  if (variants.length === 0) return [];
  const rows = variants.map(({ name, texts, textsWithSpans, longest, tokenShare }) => [
    name,
    `${textsWithSpans} of ${texts}`,
    String(longest),
    tokenShare === null ? 'none' : tokenShare.toFixed(3),
  ]);
  const least = variants[0]!.minLength;
  return [
    {
      title: 'Memorisation',
      lines: [
        `Runs of ${least} or more tokens of the continuations that stand in the training sequences.`,
        '',
        ...markdownTable(['', 'texts with such a run', 'longest, tokens', 'share of tokens'], rows),
      ],
    },
  ];
}
