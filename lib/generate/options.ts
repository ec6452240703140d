import { didYouMean } from '../config/suggest.ts';
import { HyperfitError } from '../errors.ts';
import { idListProblem, isList, requireKnownIds, shown, type IdList } from './check-ids.ts';
import type { CitationBlocker } from './citation-blocker.ts';
import { DECODING_DEFAULTS } from './decoding-fields.ts';
import type { DecodingOptions } from './decoding-options.ts';
import type { LogitsHook } from './logits-hook.ts';

/** How to continue a context. Definitions as in Hugging Face generation unless said otherwise. */
export interface GenerateOptions extends DecodingOptions {
  /** Added to the logits of these ids before anything else, at every step. */
  logitBias?: ReadonlyMap<number, number>;
  /** Whether n-grams of the context count. Default true, as in Hugging Face. */
  noRepeatNgramCountsPrompt?: boolean;
  /** Forbids quoting the training set; see CitationBlocker. */
  citationBlocker?: CitationBlocker;
  /** Ids that end the text. Default: the model's own end-of-text ids; an empty list for none. */
  stopIds?: IdList;
  /**
   * Texts that end the continuation, or one; it is cut just before the first of them. The text of a special token stops too, though it is
   * not shown. Needs a tokenizer.
   */
  stopStrings?: readonly string[] | string;
  /** Ids that never come. */
  suppressIds?: IdList;
  /** Keep log-probability and entropy of each token. Default false. */
  tokenStats?: boolean;
  /** Whether texts get the tokenizer's special tokens in front (BOS). Default true. */
  addSpecialTokens?: boolean;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Sees and changes the logits before each token is chosen; see LogitsHook. */
  logitsHook?: LogitsHook;
  /** Told of each token as it comes. */
  onToken?: (row: number, id: number, logProb: number) => void;
}

type Defaulted = Omit<GenerateOptions, 'citationBlocker' | 'logitBias' | 'signal' | 'onToken' | 'logitsHook' | 'stopIds' | 'stopStrings'>;
type Settings = Required<Defaulted> & { stopStrings: readonly string[] };

/** Checked options with every default. */
export type GenerateSettings = Settings & Omit<GenerateOptions, keyof Settings>;

export const GENERATE_DEFAULTS: Settings = {
  ...DECODING_DEFAULTS,
  noRepeatNgramCountsPrompt: true,
  stopStrings: [],
  suppressIds: [],
  tokenStats: false,
  addSpecialTokens: true,
};

const KNOWN = new Set([...Object.keys(GENERATE_DEFAULTS), 'citationBlocker', 'logitBias', 'signal', 'onToken', 'logitsHook', 'stopIds']);

const whole = (least: number) => ({
  fits: (value: number) => Number.isSafeInteger(value) && value >= least,
  text: `a whole number of at least ${least}`,
});
const share = { fits: (value: number) => value >= 0 && value <= 1, text: 'a number from 0 to 1' };

const RULES: Partial<Record<keyof Settings, { fits: (value: number) => boolean; text: string }>> = {
  maxNewTokens: whole(0),
  minNewTokens: whole(0),
  topK: whole(0),
  noRepeatNgramSize: whole(0),
  seed: whole(0),
  temperature: { fits: (value) => Number.isFinite(value) && value >= 0, text: 'a number of at least 0' },
  topP: { fits: (value) => value > 0 && value <= 1, text: 'a number above 0 and up to 1' },
  minP: share,
  repetitionPenalty: { fits: (value) => Number.isFinite(value) && value > 0, text: 'a number above 0' },
};

/**
 * Options with every default filled in. All problems are reported at once.
 * @throws HyperfitError ERR_CONFIG naming each option that is unknown or out of range
 */
export function normalizeGenerateOptions(options: GenerateOptions): GenerateSettings {
  if (typeof options !== 'object' || options === null)
    throw new HyperfitError('ERR_CONFIG', `expected an object of options, got ${shown(options)}`);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const merged = { ...GENERATE_DEFAULTS, ...given } as Settings & GenerateOptions;
  const checks = [unknownOptions, outOfRange, wrongKind, unfitLists, unfitStopStrings, unfitBias, unfitLength, samplingWithoutTemperature];
  const problems = checks.flatMap((check) => check(merged));
  if (problems.length > 0) throw new HyperfitError('ERR_CONFIG', problems.join('; '));
  const { stopStrings } = merged;
  return { ...merged, stopStrings: typeof stopStrings === 'string' ? [stopStrings] : Array.from(stopStrings) };
}

/** @throws HyperfitError ERR_CONFIG for ids that the model does not have */
export function checkOptionIds({ stopIds, suppressIds, logitBias }: GenerateSettings, vocabSize: number): void {
  requireKnownIds('stopIds', stopIds ?? [], vocabSize);
  requireKnownIds('suppressIds', suppressIds, vocabSize);
  requireKnownIds('logitBias', logitBias?.keys() ?? [], vocabSize);
}

function unknownOptions(options: object): string[] {
  const unknown = Object.keys(options).filter((name) => !KNOWN.has(name));
  return unknown.map(
    (name) => `expected an option of generate, got \`${name}\`${didYouMean(name, [...KNOWN])}; known are ${[...KNOWN].join(', ')}`,
  );
}

function outOfRange(settings: Settings): string[] {
  return Object.entries(RULES).flatMap(([name, rule]) => {
    const value = settings[name as keyof Settings];
    return typeof value === 'number' && rule.fits(value) ? [] : [`expected ${rule.text} for \`${name}\`, got ${shown(value)}`];
  });
}

function wrongKind(settings: GenerateSettings): string[] {
  const switches = (['noRepeatNgramCountsPrompt', 'tokenStats', 'addSpecialTokens'] as const).filter(
    (name) => typeof settings[name] !== 'boolean',
  );
  const { onToken, logitsHook, signal, citationBlocker } = settings;
  return [
    ...switches.map((name) => `expected true or false for \`${name}\`, got ${shown(settings[name])}`),
    ...(onToken === undefined || typeof onToken === 'function' ? [] : [`expected a function for \`onToken\`, got ${shown(onToken)}`]),
    ...(logitsHook === undefined || typeof logitsHook === 'function'
      ? []
      : [`expected a function for \`logitsHook\`, got ${shown(logitsHook)}`]),
    ...(signal === undefined || typeof signal?.throwIfAborted === 'function'
      ? []
      : [`expected an AbortSignal for \`signal\`, got ${shown(signal)}`]),
    ...(citationBlocker === undefined || typeof citationBlocker?.indexFor === 'function'
      ? []
      : [`expected a CitationBlocker for \`citationBlocker\`, got ${shown(citationBlocker)}`]),
  ];
}

function unfitLists({ stopIds = [], suppressIds }: GenerateSettings): string[] {
  return [idListProblem('stopIds', stopIds), idListProblem('suppressIds', suppressIds)].filter((problem) => problem !== undefined);
}

function unfitStopStrings({ stopStrings }: { stopStrings: unknown }): string[] {
  if (typeof stopStrings !== 'string' && !isList(stopStrings))
    return [`expected a list of texts for \`stopStrings\`, got ${shown(stopStrings)}; write ['text']`];
  const list = typeof stopStrings === 'string' ? [stopStrings] : Array.from(stopStrings);
  const unfit = list.findIndex((stop) => typeof stop !== 'string' || stop === '');
  return unfit === -1
    ? []
    : [`expected texts of one character or more in \`stopStrings\`, got ${shown(list[unfit])}; an empty text would stop everywhere`];
}

function unfitBias({ logitBias }: GenerateOptions): string[] {
  if (logitBias === undefined) return [];
  if (!(logitBias instanceof Map)) return [`expected a Map from id to number for \`logitBias\`, got ${shown(logitBias)}`];
  // What float32 cannot hold would become infinity on the way.
  const unfit = [...logitBias].find(
    ([id, bias]) => !Number.isSafeInteger(id) || id < 0 || typeof bias !== 'number' || !Number.isFinite(Math.fround(bias)),
  );
  return unfit === undefined
    ? []
    : [
        `expected ids and finite numbers in \`logitBias\`, got ${String(unfit[0])} with ${String(unfit[1])}; to forbid an id use suppressIds`,
      ];
}

function unfitLength({ minNewTokens, maxNewTokens }: Settings): string[] {
  if (!(minNewTokens > maxNewTokens)) return [];
  return [`expected \`minNewTokens\` of at most \`maxNewTokens\`, got ${minNewTokens} and ${maxNewTokens}; lower one or raise the other`];
}

// An option that is read and then does nothing has shipped elsewhere; here it is refused.
function samplingWithoutTemperature({ temperature, topK, topP, minP }: Settings): string[] {
  if (temperature > 0 || (topK === 0 && topP === 1 && minP === 0)) return [];
  return ['expected `temperature` above 0 with `topK`, `topP` or `minP`, got 0 (greedy), where they change nothing; set temperature: 1'];
}
