import { addon } from '../addon.ts';
import type { ModelHandle, NativeGenerateOptions, NativeGeneration } from '../addon-types.ts';
import { withControl } from '../control.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Generation } from './generation.ts';
import { normalizeGenerateOptions, type GenerateOptions } from './options.ts';
import { encodePrompts, type Prompt } from './prompts.ts';
import { sequenceSeed } from './seed.ts';
import { StopStringWatch } from './stop-strings.ts';

/** What generation needs of a model. */
export interface Generator {
  readonly handle: ModelHandle;
  readonly tokenizer: Tokenizer | undefined;
  readonly eosTokenIds: readonly number[];
  readonly config: { readonly vocabSize: number };
}

/**
 * Continues every prompt in one batch. A sequence's tokens are those it would get alone, whatever its neighbours.
 * @throws HyperfitError ERR_CONFIG for options, ERR_DATA for ids outside the vocabulary, ERR_SHAPE when context and
 * maxNewTokens exceed the model's positions, ERR_TOKENIZER for text without a tokenizer, ERR_NOT_FINITE for damaged weights
 */
export async function generate(model: Generator, prompts: readonly Prompt[], options: GenerateOptions = {}): Promise<Generation[]> {
  const settings = normalizeGenerateOptions(options);
  const encoded = await encodePrompts(prompts, model.tokenizer, settings.addSpecialTokens);
  const native = nativeOptions(settings, model, encoded);
  const watch = settings.stopStrings.length > 0 ? new StopStringWatch(model.tokenizer, settings.stopStrings, encoded.length) : undefined;
  const results = await withControl(settings.signal, encoded.length, (control) => {
    watch?.watch(control);
    const flat = Int32Array.from(encoded.flatMap((ids) => [...ids]));
    const lengths = Int32Array.from(encoded, (ids) => ids.length);
    return addon().modelGenerate(model.handle, flat, lengths, native, control, tokenListener(settings, watch));
  });
  const generations = await Promise.all(results.map((result, row) => toGeneration(result, encoded[row]!, model.tokenizer)));
  return watch ? Promise.all(generations.map((generation) => watch.cut(generation))) : generations;
}

type Settings = ReturnType<typeof normalizeGenerateOptions>;

function nativeOptions(settings: Settings, model: Generator, encoded: readonly Int32Array[]): NativeGenerateOptions {
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
    ...(citationBlocker && { citation: { index: citationBlocker.handle, ...citationBlocker.rule } }),
  };
}

// A vocabulary is often padded beyond its tokenizer's; those rows were never trained and stand for no text.
function idsWithoutText({ tokenizer, config }: Generator): number[] {
  const known = tokenizer?.vocabSize ?? config.vocabSize;
  return Array.from({ length: Math.max(0, config.vocabSize - known) }, (_, index) => known + index);
}

function tokenListener({ onToken, tokenStats }: Settings, watch: StopStringWatch | undefined) {
  if (!onToken && !watch) return null;
  return (row: number, id: number, logProb: number) => {
    void watch?.onToken(row, id);
    onToken?.(row, id, tokenStats ? logProb : Number.NaN);
  };
}

async function toGeneration(result: NativeGeneration, promptIds: Int32Array, tokenizer: Tokenizer | undefined): Promise<Generation> {
  const text = tokenizer && (await tokenizer.decode(result.ids, { skipSpecialTokens: true }));
  return { promptIds, ...result, ...(text !== undefined && { text }) };
}
