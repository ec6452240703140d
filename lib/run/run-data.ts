import { basename } from 'node:path';
import type { RunConfig } from '../config/fields.ts';
import { makeDocumentContexts } from '../data/document-contexts.ts';
import { readDocuments } from '../data/documents.ts';
import type { DataNote } from '../data/data-notes.ts';
import { summarizeData, type DataSummary } from '../data/data-summary.ts';
import { makeContext, type Context } from '../data/selection.ts';
import { loadData, type CutData, type Sequence } from '../data/sequences.ts';
import { HyperfitError } from '../errors.ts';
import type { ImageFormat } from '../image/image-format.ts';
import { checkSequences, cutOptions, selectTrainingSequences, type DataModel } from '../train/training-data.ts';
import { holdOut, type HeldApart } from './hold-out.ts';
import { loadImageData, type ImageRunModel } from './image-data.ts';

/** Everything a run reads beside the model. */
export interface RunData {
  train: Sequence[];
  /** Not trained on; may be empty. */
  heldOut: Sequence[];
  /** Beginnings to continue, none of them trained on; may be empty. */
  contexts: Context[];
  /** Of a run on images, whose sequences and contexts are pixels. */
  images?: ImageFormat;
  /** Of a run on text: what became of it. */
  summary?: DataSummary;
  /** What a person should know before time is spent. */
  warnings?: string[];
}

export interface RunDataOptions {
  /** For studies: sequences of one length, and nothing held out but what `samples` leaves over. */
  wholeOnly?: boolean;
}

/**
 * Reads the training sequences, and the held-out sequences and contexts from their own files or from what training leaves over.
 * @throws HyperfitError ERR_CONFIG without `data` and `images`; ERR_DATA, ERR_TOKENIZER
 */
export async function loadRunData(
  config: RunConfig,
  model: DataModel & ImageRunModel,
  { wholeOnly = false }: RunDataOptions = {},
): Promise<RunData> {
  if (config.images !== null) return loadImageData(config, config.images, model);
  if (config.data === null)
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected the text to hyperfit on for `data`, got none; give --data, or --images for an ImageGPT',
    );
  const spareWanted = Math.max(config.heldOutSamples, config.validationContexts, config.comparisonContexts);
  const wanted = config.samples === null ? Infinity : config.samples + (config.heldOut === null ? spareWanted : 0);
  const cut = await loadData(config.data, model.tokenizer, { ...cutOptions(config, wanted), wholeOnly });
  const { train, spare, rule: parting, warnings, notes } = await partData(config, model, cut, { spareWanted, wholeOnly });
  checkSequences(train, model);
  checkSequences(spare, model);
  const heldOut = spare.slice(0, config.heldOutSamples);
  const contexts = await loadContexts(config, model, spare);
  const isTooShort = spare.length > 0 && contexts.length === 0;
  const rule = isTooShort
    ? `${parting}; none holds a context of ${config.contextLength} tokens to be continued, lower --context-length`
    : parting;
  // Of wrapped texts one warning is enough.
  const [wrapped] = [...cut.warnings, ...warnings];
  return {
    train,
    heldOut,
    contexts,
    summary: summarizeData(cut, train, { sequences: spare, rule, notes }),
    warnings: wrapped === undefined ? [] : [wrapped],
  };
}

/** From its own file, or from the data by the rule of `holdOut`. */
async function partData(
  config: RunConfig,
  model: DataModel,
  cut: CutData,
  { spareWanted, wholeOnly }: { spareWanted: number; wholeOnly: boolean },
): Promise<HeldApart & { warnings: string[]; notes: DataNote[] }> {
  if (config.heldOut === null) {
    const leavesOver = config.samples !== null && config.samples < cut.sequences.length;
    const isMeasured = config.evaluateEverySteps > 0 || config.comparisonContexts > 0;
    if (!leavesOver && (!isMeasured || wholeOnly || config.contexts !== null))
      return { train: cut.sequences, spare: [], rule: 'none is asked for', warnings: [], notes: [] };
    return { ...holdOut(cut.sequences, config, spareWanted), warnings: [], notes: [] };
  }
  const heldOut = await loadData(config.heldOut, model.tokenizer, { ...cutOptions(config, spareWanted), wholeOnly });
  const { sequences, warnings, notes } = heldOut;
  return {
    train: selectTrainingSequences(cut.sequences, config),
    spare: spread(sequences, spareWanted),
    rule: `from ${basename(config.heldOut)}`,
    warnings,
    notes,
  };
}

/** At most `count` of the items, evenly spaced, so that they do not all come from one page. */
function spread<T>(items: readonly T[], count: number): T[] {
  return items.length <= count
    ? [...items]
    : Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)]!);
}

async function loadContexts(config: RunConfig, model: DataModel, spare: readonly Sequence[]): Promise<Context[]> {
  const wanted = Math.max(config.validationContexts, config.comparisonContexts);
  const { contextLength, maxNewTokens } = config;
  if (contextLength + maxNewTokens > model.config.maxPositionEmbeddings) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected \`contextLength\` + \`maxNewTokens\` within the model's context of ${model.config.maxPositionEmbeddings} tokens, got ${contextLength} + ${maxNewTokens}; lower one`,
    );
  }
  if (config.contexts === null) {
    return spare
      .map((sequence) => makeContext(sequence, contextLength))
      .filter(({ context, isAnswer }) => context.length === contextLength || isAnswer === true)
      .slice(0, wanted);
  }
  // Shorter ones are continued as they stand.
  return makeDocumentContexts((await readDocuments(config.contexts)).slice(0, wanted), model.tokenizer, {
    contextLength,
    unwrap: config.unwrap,
  });
}
