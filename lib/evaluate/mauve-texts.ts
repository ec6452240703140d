import { withHooks } from '../callbacks.ts';
import { given } from '../config/given.ts';
import { HyperfitError } from '../errors.ts';
import { modelFileName } from '../model/base-name.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { mauveOfSeeds, type Mauve, type MauveOptions } from './mauve.ts';

/** What MAUVE needs of the model that reads the texts; a loaded `Model` has it. */
export interface FeatureModel {
  /** Where it is. */
  readonly path: string;
  /** Of the model. */
  readonly config: { readonly maxPositionEmbeddings: number };
  /** As `Model.requireTokenizer`. */
  requireTokenizer(): Pick<Tokenizer, 'encode'>;
  /** As `Model.lastHiddenState`. */
  lastHiddenState(batch: { tokens: Int32Array; batchSize: number; sequenceLength: number }): Promise<Tensor>;
}

/** How texts become features. */
export interface FeatureOptions {
  /** The end of a longer text is left out. Default 1024, or what the model can read. */
  maxTokens?: number;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Told how far it is. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

const MAX_TOKENS = 1024;

/**
 * One vector a text: the hidden state after the final norm at its last token. Texts go through the model one by one; a text without tokens
 * is left out. Source: Pillutla et al. 2021, who take GPT-2 large.
 * @throws HyperfitError ERR_TOKENIZER for a model without one, ERR_CONFIG for `maxTokens`
 *
 * @example
 * const features = await textFeatures(featureModel, ['What a person wrote.', 'And another.'], { maxTokens: 256 });
 * console.log(features.length, features[0]?.length); // 2, and the model's hidden size
 */
export async function textFeatures(model: FeatureModel, texts: readonly string[], options: FeatureOptions = {}): Promise<Float32Array[]> {
  return withHooks(given({ onProgress: options.onProgress }), (safe) => readTexts(model, texts, { ...options, ...safe }));
}

async function readTexts(model: FeatureModel, texts: readonly string[], options: FeatureOptions): Promise<Float32Array[]> {
  const { signal, onProgress } = options;
  const most = maxTokensOf(model, options);
  const tokenizer = model.requireTokenizer();
  const features: Float32Array[] = [];
  for (const [index, text] of texts.entries()) {
    signal?.throwIfAborted();
    const tokens = (await tokenizer.encode(text)).slice(0, most);
    if (tokens.length > 0) features.push(await lastState(model, tokens));
    onProgress?.({ done: index + 1, total: texts.length });
  }
  return features;
}

function maxTokensOf({ config }: FeatureModel, { maxTokens = MAX_TOKENS }: FeatureOptions): number {
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a whole number of at least 1 for \`maxTokens\`, got ${maxTokens}; ${MAX_TOKENS} is the default`,
    );
  return Math.min(maxTokens, config.maxPositionEmbeddings);
}

/** [hidden] */
async function lastState(model: FeatureModel, tokens: Int32Array): Promise<Float32Array> {
  return scope(async () => {
    const states = await model.lastHiddenState({ tokens, batchSize: 1, sequenceLength: tokens.length });
    return states
      .select(0, 0)
      .select(0, tokens.length - 1)
      .contiguous()
      .toTypedArray() as Float32Array;
  });
}

/** Texts of people and of a model, to be compared. */
export interface MauveTexts {
  /** Written by people. */
  human: readonly string[];
  /** What the model wrote. */
  machine: readonly string[];
}

/** Token ids of a context, and of what people wrote after it. */
export interface OriginalIds {
  context: Int32Array;
  human: Int32Array;
}

/**
 * Contexts with what people wrote after them, `newTokens` each, and with what each machine did (`machines[machine][context]`, ids);
 * contexts after which people stopped sooner are left out.
 */
export async function pairTexts(
  tokenizer: Pick<Tokenizer, 'decode'>,
  originals: readonly OriginalIds[],
  machines: readonly (readonly ArrayLike<number>[])[],
  newTokens: number,
): Promise<{ human: string[]; machines: string[][] }> {
  const usable = Array.from(originals.keys()).filter((at) => originals[at]!.human.length >= newTokens);
  const decodeAll = (continuationOf: (at: number) => ArrayLike<number>): Promise<string[]> =>
    Promise.all(
      usable.map((at) =>
        tokenizer.decode(Int32Array.of(...originals[at]!.context, ...Array.from(continuationOf(at))), { skipSpecialTokens: true }),
      ),
    );
  const human = await decodeAll((at) => originals[at]!.human.subarray(0, newTokens));
  const written: string[][] = [];
  for (const texts of machines) written.push(await decodeAll((at) => texts[at]!));
  return { human, machines: written };
}

/**
 * MAUVE of two sets of texts under a model that reads them, best one that wrote neither. Where texts continue contexts, give
 * both kinds the same contexts, with the context in front and the same number of tokens after it. Source: see `mauve`.
 * @throws HyperfitError as `mauve` and `textFeatures`
 *
 * @example
 * const human = await Promise.all(contexts.map(({ context, original }) => tokenizer.decode([...context, ...original])));
 * const machine = await Promise.all(generations.map(({ promptIds, ids }) => tokenizer.decode([...promptIds, ...ids])));
 * const { score, signature } = await measureMauve(featureModel, { human, machine });
 */
export async function measureMauve(
  model: FeatureModel,
  { human, machine }: MauveTexts,
  options: MauveOptions & FeatureOptions = {},
): Promise<Mauve> {
  const [only] = await measureMauves(model, { human, machines: [machine] }, options);
  return only![0]!;
}

/**
 * `measureMauve` of several machines' texts against the same human ones, which are read once; [machine][clustering seed], that of `options`
 * unless given.
 * @throws HyperfitError as `measureMauve`
 *
 * @example
 * const human = ['What a person wrote.', 'And another.'];
 * const machines = [['What one model wrote.', 'More of it.'], ['What another one wrote.', 'And more.']];
 * const mauves = await measureMauves(featureModel, { human, machines }, { seeds: [0, 1] });
 * console.log(mauves.map((ofSeeds) => ofSeeds.map(({ score }) => score)));
 */
export async function measureMauves(
  model: FeatureModel,
  { human, machines }: { human: readonly string[]; machines: readonly (readonly string[])[] },
  options: MauveOptions & FeatureOptions & { seeds?: readonly number[] } = {},
): Promise<Mauve[][]> {
  const { maxTokens, signal, onProgress, seeds = [options.seed ?? 0], ...rest } = options;
  const total = machines.reduce((sum, { length }) => sum + length, human.length);
  let read = 0;
  const featuresOf = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const before = read;
    return textFeatures(model, texts, {
      ...given({ maxTokens, signal }),
      // Given back, so that a promise of the caller's is watched.
      onProgress: ({ done }) => onProgress?.({ done: (read = before + done), total }),
    });
  };
  const features = `${rest.features ?? modelFileName(model.path)}|state:last-layer-normed|token:last|max-tokens:${maxTokensOf(model, options)}`;
  const ofHuman = await featuresOf(human);
  const mauves: Mauve[][] = [];
  for (const texts of machines) mauves.push(mauveOfSeeds(ofHuman, await featuresOf(texts), { ...rest, features }, seeds));
  return mauves;
}
