import { encodePrompts, type Prompt } from './prompts.ts';
import type { Generation } from './generation.ts';
import { normalizeGenerateOptions, type GenerateOptions, type GenerateSettings } from './options.ts';
import type { Generator } from './generate.ts';
import { RowText } from './row-text.ts';
import { RunningBatch, type BatchEnd } from './running-batch.ts';
import { streamTokens } from './stream.ts';

/** One of several texts that are written for the same reader. */
export interface Voice {
  model: Generator;
  prompt: Prompt;
  options?: Omit<GenerateOptions, 'signal' | 'onToken'>;
}

/** A token of a voice, or its end. `seconds` are those of its own work. */
export type VoiceEvent =
  | { type: 'token'; voice: number; id: number; text: string }
  | { type: 'end'; voice: number; finishReason: Generation['finishReason']; ids: Int32Array; seconds: number };

/** Tokens that one voice gets before it is the turn of the next. */
const STEPS = 2;

/**
 * Several continuations, token by token: the models take turns, so that all texts grow together. Each is the one that `generate` gives.
 * When `signal` is raised, all end as `cancelled`.
 * @throws HyperfitError as `generate`
 */
export async function* writeTogether(voices: readonly Voice[], signal?: AbortSignal): AsyncGenerator<VoiceEvent, void, void> {
  const [only] = voices;
  if (voices.length === 1) return yield* writeAlone(only!, signal);
  const texts = await Promise.all(voices.map((voice, place) => GrowingText.make(voice, place)));
  try {
    while (texts.some(({ isOver }) => !isOver)) {
      for (const text of texts) if (!text.isOver) yield* text.grow(signal?.aborted === true);
    }
  } finally {
    for (const text of texts) text.dispose();
  }
}

/** A text of a batch of its own, which stands still while others have their turn. */
class GrowingText {
  readonly #voice: number;
  readonly #promptIds: Int32Array;
  readonly #options: Omit<GenerateOptions, 'signal' | 'onToken' | 'stopStrings'>;
  readonly #batch: RunningBatch;
  readonly #text: RowText | undefined;
  readonly #ids: number[] = [];
  /** Came with the last call and were not told yet. */
  #fresh: number[] = [];
  /** A token whose text waits for the next one. */
  #held: Extract<VoiceEvent, { type: 'token' }> | undefined;
  #told = 0;
  #hasBegun = false;
  #milliseconds = 0;
  isOver = false;

  private constructor({ model, options = {} }: Voice, voice: number, promptIds: Int32Array) {
    const { stopStrings: _, ...rest } = options;
    const settings = normalizeGenerateOptions(options);
    this.#voice = voice;
    this.#promptIds = promptIds;
    this.#options = rest;
    this.#text = model.tokenizer && new RowText(model.tokenizer, promptIds, settings.stopStrings);
    this.#batch = new RunningBatch(model, 1);
  }

  static async make(voice: Voice, place: number): Promise<GrowingText> {
    const { addSpecialTokens } = normalizeGenerateOptions(voice.options ?? {});
    const [promptIds] = await encodePrompts([voice.prompt], voice.model, addSpecialTokens);
    return new GrowingText(voice, place, promptIds!);
  }

  async *grow(isCancelled: boolean): AsyncGenerator<VoiceEvent, void, void> {
    if (isCancelled) return yield* this.#end('cancelled');
    const started = performance.now();
    const end = this.#hasBegun ? (await this.#batch.advance(STEPS))[0] : await this.#begin();
    this.#milliseconds += performance.now() - started;
    for (const id of this.#fresh.splice(0)) yield* this.#tell(id);
    if (end?.failure) throw end.failure;
    if (this.#text?.isStopped === true) yield* this.#end('stop');
    else if (end !== undefined) yield* this.#end(end.finishReason);
  }

  async #begin(): Promise<BatchEnd | undefined> {
    this.#hasBegun = true;
    const arrival = await this.#batch.join({
      promptIds: this.#promptIds,
      options: this.#options,
      onToken: ({ id }) => void this.#fresh.push(id),
    });
    return arrival.end ?? undefined;
  }

  *#tell(id: number): IterableIterator<VoiceEvent> {
    // What comes behind a stop string is no part of the text.
    if (this.#text?.isStopped === true) return;
    if (this.#held !== undefined) yield this.#held;
    this.#held = undefined;
    this.#ids.push(id);
    this.#text?.push(id);
    const event = { type: 'token', voice: this.#voice, id, text: this.#ready() } as const;
    if (this.#text?.isWaiting === true) this.#held = event;
    else yield event;
  }

  #ready(): string {
    if (this.#text === undefined) return '';
    const { text, ready } = this.#text;
    const from = this.#told;
    this.#told = ready;
    return text.slice(from, ready);
  }

  *#end(finishReason: Generation['finishReason']): IterableIterator<VoiceEvent> {
    if (this.#held !== undefined) yield { ...this.#held, text: this.#held.text + this.#text!.text.slice(this.#told) };
    this.isOver = true;
    yield { type: 'end', voice: this.#voice, finishReason, ids: Int32Array.from(this.#ids), seconds: this.#milliseconds / 1000 };
  }

  dispose(): void {
    this.#batch.dispose();
  }
}

async function* writeAlone(
  { model, prompt, options = {} }: Voice,
  signal: AbortSignal | undefined,
): AsyncGenerator<VoiceEvent, void, void> {
  const settings = normalizeGenerateOptions(options);
  const started = performance.now();
  const ids: number[] = [];
  try {
    if (signal?.aborted !== true) {
      for await (const { id, text } of streamTokens(model, prompt, { ...options, ...(signal && { signal }) })) {
        ids.push(id);
        yield { type: 'token', voice: 0, id, text };
      }
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
  const finishReason = signal?.aborted === true ? 'cancelled' : reasonOf(ids, settings, model);
  yield { type: 'end', voice: 0, finishReason, ids: Int32Array.from(ids), seconds: (performance.now() - started) / 1000 };
}

/** A text that is shorter than it might be, without a stop token, had a stop string in it or nothing that could follow. */
function reasonOf(
  ids: readonly number[],
  { stopIds, stopStrings, maxNewTokens }: GenerateSettings,
  { eosTokenIds }: Generator,
): Generation['finishReason'] {
  if (Array.from(stopIds ?? eosTokenIds).includes(ids.at(-1)!)) return 'stop';
  if (ids.length >= maxNewTokens) return 'length';
  return stopStrings.length > 0 ? 'stop' : 'banned';
}
