import type { RunConfig } from '../config/fields.ts';
import { isAsked } from '../data/document.ts';
import { readDocuments } from '../data/documents.ts';
import { encodeWhole } from '../data/encoded-document.ts';
import { makeContext, splitSequences, type Context } from '../data/selection.ts';
import { loadSequences, type Sequence } from '../data/sequences.ts';
import { HyperfitError } from '../errors.ts';
import type { ImageFormat } from '../image/image-format.ts';
import { checkSequences, selectTrainingSequences, type DataModel } from '../train/training-data.ts';
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
}

/**
 * Reads the training sequences, and the held-out sequences and contexts from their own files or from what training leaves over.
 * @throws HyperfitError ERR_CONFIG without `data` and `images`; ERR_DATA, ERR_TOKENIZER
 */
export async function loadRunData(config: RunConfig, model: DataModel & ImageRunModel): Promise<RunData> {
  if (config.images !== null) return loadImageData(config, config.images, model);
  if (config.data === null) throw new HyperfitError('ERR_CONFIG', 'expected the text to hyperfit on for `data`, got none; give --data, or --images for an ImageGPT');
  const all = await loadSequences(config.data, model.tokenizer, config);
  const train = selectTrainingSequences(all, config);
  checkSequences(train, model);
  const spare = await loadSpare(config, model, all);
  checkSequences(spare, model);
  return { train, heldOut: spare.slice(0, config.heldOutSamples), contexts: await loadContexts(config, model, spare) };
}

async function loadSpare(config: RunConfig, model: DataModel, all: readonly Sequence[]): Promise<Sequence[]> {
  const wanted = Math.max(config.heldOutSamples, config.validationContexts, config.comparisonContexts);
  if (config.heldOut !== null) return spread(await loadSequences(config.heldOut, model.tokenizer, config), wanted);
  const { samples, sampleSelection: selection, seed } = config;
  if (samples === null || samples >= all.length) return [];
  return splitSequences(all, { samples, heldOut: Math.min(wanted, all.length - samples), selection, seed }).heldOut;
}

/** At most `count` of the items, evenly spaced, so that they do not all come from one page. */
function spread<T>(items: readonly T[], count: number): T[] {
  return items.length <= count ? [...items] : Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)]!);
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
    return spare.filter(({ ids, targets }) => ids.length >= contextLength || targets !== undefined).slice(0, wanted).map((sequence) => makeContext(sequence, contextLength));
  }
  const documents = await readDocuments(config.contexts);
  const encoded = await encodeWhole(documents, model.tokenizer);
  // Shorter ones are continued as they stand, and so are dialogues and prompts, which end where they are answered.
  return encoded.slice(0, wanted).map((ids, index) => {
    const document = documents[index]!;
    return makeContext({ ids, source: document.source, offset: 0 }, isAsked(document) ? ids.length : contextLength);
  });
}
