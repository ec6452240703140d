import type { GenerateOptions } from '../generate/options.ts';
import { invalid } from './api-error.ts';
import type { Fields } from './fields.ts';

/** What a request says of how to choose tokens; `seed` is that of its first choice. */
export interface Sampling {
  options: Omit<GenerateOptions, 'stopStrings' | 'signal' | 'onToken' | 'maxNewTokens' | 'seed'>;
  stopStrings: readonly string[];
  seed: number;
  /** Choices a prompt. */
  n: number;
}

const MOST_CHOICES = 128;
const MOST_STOPS = 16;
const isZero = (value: unknown): boolean => value === 0;

/**
 * The sampling parameters of both kinds of completion. Without `temperature` the server's default counts; but who gives `top_p`, `top_k` or
 * `min_p` alone wants to sample, at 1 as with OpenAI.
 */
export function readSampling(fields: Fields, defaultTemperature: number): Sampling {
  const nucleus = {
    topP: fields.number('top_p', { least: Number.MIN_VALUE, most: 1 }) ?? 1,
    topK: fields.whole('top_k') ?? 0,
    minP: fields.number('min_p', { least: 0, most: 1 }) ?? 0,
  };
  const narrows = nucleus.topP < 1 || nucleus.topK > 0 || nucleus.minP > 0;
  const temperature =
    fields.number('temperature', { least: 0, most: 100 }) ?? (narrows && defaultTemperature === 0 ? 1 : defaultTemperature);
  for (const name of ['frequency_penalty', 'presence_penalty']) {
    fields.unsupported(name, isZero, 'hyperfit has `repetition_penalty` (1.1 is mild) and `no_repeat_ngram_size` in its place');
  }
  fields.ignore('user', 'metadata', 'store', 'service_tier', 'prompt_cache_key', 'safety_identifier');
  return {
    options: {
      temperature,
      // Greedy text is the same in any nucleus.
      ...(temperature > 0 ? nucleus : {}),
      minNewTokens: fields.whole('min_tokens') ?? 0,
      repetitionPenalty: fields.number('repetition_penalty', { least: 1e-6, most: 1e6 }) ?? 1,
      noRepeatNgramSize: fields.whole('no_repeat_ngram_size', { most: 1024 }) ?? 0,
      ...readBias(fields),
      ...(fields.flag('ignore_eos') ? { stopIds: [] } : {}),
    },
    stopStrings: readStops(fields),
    seed: fields.whole('seed') ?? Math.floor(Math.random() * 2 ** 32),
    n: fields.whole('n', { least: 1, most: MOST_CHOICES }) ?? 1,
  };
}

function readStops(fields: Fields): readonly string[] {
  const value = fields.value('stop');
  if (value === undefined) return [];
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  if (list.length <= MOST_STOPS && list.every((stop) => typeof stop === 'string' && stop !== '')) return list as string[];
  throw fields.refuse('stop', `a text, or a list of up to ${MOST_STOPS} texts of one character or more,`, value);
}

function readBias(fields: Fields): { logitBias?: ReadonlyMap<number, number> } {
  const bias = fields.value('logit_bias');
  if (bias === undefined) return {};
  if (typeof bias !== 'object' || bias === null || Array.isArray(bias))
    throw fields.refuse('logit_bias', 'an object from token ids to numbers', bias);
  const entries = Object.entries(bias).map(([id, value]) => {
    if (!/^\d+$/.test(id) || typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
      throw invalid(`expected ids and numbers in \`logit_bias\`, got ${id} with ${String(value)}`, 'logit_bias');
    return [Number(id), value] as const;
  });
  return entries.length === 0 ? {} : { logitBias: new Map(entries) };
}

/** `stream` and `stream_options`. */
export function readStreaming(fields: Fields): { stream: boolean; includeUsage: boolean } {
  const stream = fields.flag('stream');
  const options = fields.object('stream_options');
  if (options !== undefined && !stream)
    throw invalid('expected `stream_options` with `stream: true` only, got it without', 'stream_options');
  const includeUsage = options?.flag('include_usage') ?? false;
  options?.ignore('include_obfuscation');
  options?.requireAllRead();
  return { stream, includeUsage };
}
