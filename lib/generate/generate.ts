import { addon } from '../addon.ts';
import type { ModelHandle, NativeGenerateOptions, NativeGeneration } from '../addon-types.ts';
import { CallbackGuard } from '../callbacks.ts';
import { given } from '../config/given.ts';
import { cancel, endRow, withControl } from '../control.ts';
import { HyperfitError } from '../errors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Generation } from './generation.ts';
import { guardedHook } from './logits-hook.ts';
import { checkOptionIds, normalizeGenerateOptions, type GenerateOptions, type GenerateSettings } from './options.ts';
import { encodePrompts, type Prompt } from './prompts.ts';
import { RowText } from './row-text.ts';
import { sequenceSeed } from './seed.ts';

/** What generation needs of a model. */
export interface Generator {
  readonly handle: ModelHandle;
  readonly tokenizer: Tokenizer | undefined;
  readonly eosTokenIds: readonly number[];
  readonly config: { readonly vocabSize: number };
}

/**
 * Continues every prompt in one batch. A sequence's tokens are those it would get alone, whatever its neighbours.
 * @throws HyperfitError ERR_CONFIG for options, ERR_DATA for prompts that are none and ids outside the vocabulary, ERR_SHAPE when context
 * and maxNewTokens exceed the model's positions, ERR_TOKENIZER for text and stop strings without a tokenizer, ERR_NOT_FINITE for damaged
 * weights; and what `onToken` or `logitsHook` throws, which ends the work
 */
export async function generate(model: Generator, prompts: readonly Prompt[], options: GenerateOptions = {}): Promise<Generation[]> {
  const settings = normalizeGenerateOptions(options);
  checkOptionIds(settings, model.config.vocabSize);
  const { tokenizer } = model;
  if (tokenizer === undefined && settings.stopStrings.length > 0) {
    throw new HyperfitError(
      'ERR_TOKENIZER',
      'expected a tokenizer for `stopStrings`, got a model without one; use stopIds, or add tokenizer.json to the model folder',
    );
  }
  const encoded = await encodePrompts(prompts, model, settings.addSpecialTokens);
  const texts = tokenizer && encoded.map((ids) => new RowText(tokenizer, ids, settings.stopStrings));
  const results = await generateNatively(model, encoded, settings, settings.stopStrings.length > 0 ? texts : undefined);
  return results.map((result, row) => toGeneration(result, encoded[row]!, texts?.[row]));
}

/** Stop strings are looked for as the tokens of `texts` come; a row runs on for a token or two before it is ended. */
async function generateNatively(
  model: Generator,
  encoded: readonly Int32Array[],
  settings: GenerateSettings,
  texts: readonly RowText[] | undefined,
): Promise<NativeGeneration[]> {
  const { signal, onToken, logitsHook, tokenStats } = settings;
  const native = await nativeOptions(settings, model, encoded);
  const flat = Int32Array.from(encoded.flatMap((ids) => [...ids]));
  const lengths = Int32Array.from(encoded, (ids) => ids.length);
  return withControl(signal, encoded.length, async (control) => {
    const guard = new CallbackGuard(() => cancel(control));
    const listener = (row: number, id: number, logProb: number): void => {
      const text = texts?.[row];
      text?.push(id);
      if (text?.isStopped === true) endRow(control, row);
      if (onToken !== undefined) guard.call(() => onToken(row, id, tokenStats ? logProb : Number.NaN));
    };
    const hook = logitsHook ? guardedHook(logitsHook, encoded, guard) : null;
    try {
      return await addon().modelGenerate(model.handle, flat, lengths, native, control, (texts ?? onToken) ? listener : null, hook);
    } finally {
      await guard.settle();
    }
  });
}

/** What crosses to C++; one seed a prompt of `encoded`. @internal */
export async function nativeOptions(
  settings: GenerateSettings,
  model: Generator,
  encoded: readonly Int32Array[],
): Promise<NativeGenerateOptions> {
  const { citationBlocker, logitBias, suppressIds, stopIds, seed, ...rest } = settings;
  return {
    maxNewTokens: rest.maxNewTokens,
    minNewTokens: rest.minNewTokens,
    temperature: rest.temperature,
    topK: rest.topK,
    topP: rest.topP,
    minP: rest.minP,
    repetitionPenalty: rest.repetitionPenalty,
    noRepeatNgramSize: rest.noRepeatNgramSize,
    noRepeatNgramCountsPrompt: rest.noRepeatNgramCountsPrompt,
    tokenStats: rest.tokenStats,
    stopIds: Int32Array.from(stopIds ?? model.eosTokenIds),
    suppressIds: Int32Array.from([...suppressIds, ...idsWithoutText(model)]),
    seeds: Float64Array.from(encoded, (ids) => sequenceSeed(seed, ids)),
    ...(logitBias && { logitBias: { ids: Int32Array.from(logitBias.keys()), values: Float32Array.from(logitBias.values()) } }),
    ...(citationBlocker && { citation: { index: await citationBlocker.indexFor(model.config.vocabSize), ...citationBlocker.rule } }),
  };
}

// A vocabulary is often padded beyond its tokenizer's; those rows were never trained and stand for no text.
function idsWithoutText({ tokenizer, config }: Generator): number[] {
  const known = tokenizer?.vocabSize ?? config.vocabSize;
  return Array.from({ length: Math.max(0, config.vocabSize - known) }, (_, index) => known + index);
}

/** With a stop string the fewest ids whose text holds it, and the text before it. */
function toGeneration(result: NativeGeneration, promptIds: Int32Array, text: RowText | undefined): Generation {
  if (text === undefined) return { promptIds, ...result };
  for (const id of result.ids.subarray(text.length)) text.push(id);
  if (!text.isStopped) return { promptIds, ...result, text: text.text };
  const { ids, logProbs, entropies } = result;
  const upToStop = <A extends Int32Array | Float32Array>(values: A): A => values.slice(0, text.length) as A;
  return {
    promptIds,
    ...result,
    ids: upToStop(ids),
    text: text.text,
    finishReason: 'stop',
    ...given({ logProbs: logProbs && upToStop(logProbs), entropies: entropies && upToStop(entropies) }),
  };
}
