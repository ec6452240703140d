import type { Generation } from './generation.ts';
import { normalizeGenerateOptions, type GenerateOptions, type GenerateSettings } from './options.ts';
import type { Generator } from './generate.ts';
import type { Prompt } from './prompts.ts';
import { streamTokens } from './stream.ts';

/** One of several texts that are written for the same reader. */
export interface Voice {
  model: Generator;
  prompt: Prompt;
  options?: Omit<GenerateOptions, 'signal' | 'onToken'>;
}

/** A token of a voice, or its end. `seconds` are those since its first call. */
export type VoiceEvent =
  | { type: 'token'; voice: number; id: number; text: string }
  | { type: 'end'; voice: number; finishReason: Generation['finishReason']; ids: Int32Array; seconds: number };

/**
 * Several continuations, token by token. When `signal` is raised, what is under way ends as `cancelled`, and what has not begun too.
 * @throws HyperfitError as `generate`
 */
export async function* writeTogether(voices: readonly Voice[], signal?: AbortSignal): AsyncGenerator<VoiceEvent, void, void> {
  for (const [voice, each] of voices.entries()) yield* write(voice, each, signal);
}

async function* write(voice: number, { model, prompt, options = {} }: Voice, signal: AbortSignal | undefined): AsyncGenerator<VoiceEvent, void, void> {
  const settings = normalizeGenerateOptions(options);
  const started = performance.now();
  const ids: number[] = [];
  try {
    if (signal?.aborted !== true) {
      for await (const { id, text } of streamTokens(model, prompt, { ...options, ...(signal && { signal }) })) {
        ids.push(id);
        yield { type: 'token', voice, id, text };
      }
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
  const finishReason = signal?.aborted === true ? 'cancelled' : reasonOf(ids, settings, model);
  yield { type: 'end', voice, finishReason, ids: Int32Array.from(ids), seconds: (performance.now() - started) / 1000 };
}

/** A text that is shorter than it might be, without a stop token, had a stop string in it or nothing that could follow. */
function reasonOf(ids: readonly number[], { stopIds, stopStrings, maxNewTokens }: GenerateSettings, { eosTokenIds }: Generator): Generation['finishReason'] {
  if (Array.from(stopIds ?? eosTokenIds).includes(ids.at(-1)!)) return 'stop';
  if (ids.length >= maxNewTokens) return 'length';
  return stopStrings.length > 0 ? 'stop' : 'banned';
}
