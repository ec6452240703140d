import { isHyperfitError } from '../errors.ts';
import { checkOptionIds, normalizeGenerateOptions } from '../generate/options.ts';
import { encodePrompts } from '../generate/prompts.ts';
import { invalid } from './api-error.ts';
import type { Fields } from './fields.ts';
import { readSampling, readStreaming, type Sampling } from './sampling.ts';
import type { SequenceRequest } from './sequence.ts';
import type { ServedModel } from './served-model.ts';

/** A prompt as ids, and as the text that `echo` gives back. */
export interface ReadPrompt {
  ids: Int32Array;
  text: string;
}

export interface CompletionRequest {
  prompts: ReadPrompt[];
  n: number;
  echo: boolean;
  /** How many of the most probable tokens to tell; undefined for no log-probabilities. */
  logprobs: number | undefined;
  stream: boolean;
  includeUsage: boolean;
  /** One a choice: those of the first prompt, then those of the second. */
  sequences: SequenceRequest[];
}

const DEFAULT_TOKENS = 16; // OpenAI's
const MOST_LOGPROBS = 20;

/**
 * A body of POST /v1/completions.
 * @throws ApiError, HyperfitError naming what is wrong
 */
export async function readCompletionRequest(fields: Fields, served: ServedModel, defaultTemperature: number): Promise<CompletionRequest> {
  const texts = promptsOf(fields);
  const maxTokens = fields.whole('max_tokens') ?? DEFAULT_TOKENS;
  const echo = fields.flag('echo');
  const logprobs = fields.whole('logprobs', { most: MOST_LOGPROBS });
  const sampling = readSampling(fields, defaultTemperature);
  const streaming = readStreaming(fields);
  fields.unsupported('best_of', (value) => value === 1 || value === sampling.n, 'ask for `n` choices and take the best');
  fields.unsupported('suffix', (value) => value === '', 'a causal model only continues');
  fields.requireAllRead();
  served.scheduler.requireFit(texts.length * sampling.n);
  const prompts = await readPrompts(texts, served);
  for (const { ids } of prompts) served.requireFit(ids, maxTokens, 'prompt');
  const sequences = prompts.flatMap(({ ids }) => sequenceRequests(ids, served, sampling, { maxTokens, logprobs, scorePrompt: echo }));
  return { prompts, n: sampling.n, echo, logprobs, ...streaming, sequences };
}

/** The choices of one prompt: the first has the request's own seed, each further one the next. */
export function sequenceRequests(
  promptIds: Int32Array,
  served: ServedModel,
  { options, stopStrings, seed, n }: Sampling,
  { maxTokens, logprobs, scorePrompt }: { maxTokens: number; logprobs: number | undefined; scorePrompt: boolean },
): SequenceRequest[] {
  if ((options.minNewTokens ?? 0) > maxTokens)
    throw invalid(`expected \`min_tokens\` of at most ${maxTokens}, the limit, got ${options.minNewTokens}`, 'min_tokens');
  return Array.from({ length: n }, (_, choice) => {
    const all = { ...options, maxNewTokens: maxTokens, seed: seed + choice, tokenStats: logprobs !== undefined };
    checkOptionIds(normalizeGenerateOptions(all), served.model.config.vocabSize);
    return { promptIds, options: all, stopStrings, topLogProbs: logprobs ?? 0, promptTopLogProbs: scorePrompt ? logprobs : undefined };
  });
}

/** A text, a list of texts, a list of ids, or a list of these. */
function promptsOf(fields: Fields): readonly (string | number[])[] {
  const value = fields.value('prompt') ?? '';
  const list: unknown[] = Array.isArray(value) && !value.every((item) => typeof item === 'number') ? value : [value];
  const isPrompt = (item: unknown): item is string | number[] =>
    typeof item === 'string' || (Array.isArray(item) && item.every((id) => typeof id === 'number'));
  if (list.length === 0 || !list.every(isPrompt)) throw fields.refuse('prompt', 'a text, token ids, or a list of these', value);
  return list;
}

async function readPrompts(list: readonly (string | number[])[], { model, tokenizer }: ServedModel): Promise<ReadPrompt[]> {
  const encoded = await encodePrompts(list, model, true).catch((error: unknown) => {
    if (isHyperfitError(error) && error.code === 'ERR_DATA') throw invalid(error.message, 'prompt', 'invalid_value');
    throw error;
  });
  return Promise.all(
    list.map(async (prompt, index) => ({ ids: encoded[index]!, text: typeof prompt === 'string' ? prompt : await decoded(prompt) })),
  );

  async function decoded(ids: readonly number[]): Promise<string> {
    return tokenizer.decode(ids.filter((id) => id < tokenizer.vocabSize));
  }
}
