import { randomUUID } from 'node:crypto';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { ChoiceEvent } from './choice-events.ts';
import type { CompletionRequest, ReadPrompt } from './completion-request.ts';
import { finishReason, type FinishReason } from './finish-reason.ts';
import type { SequenceEvent, TokenRecord } from './sequence.ts';
import type { ServedModel } from './served-model.ts';
import { finite, offsetsOf, textOf } from './token-texts.ts';
import { Usage } from './usage.ts';

/** Log-probabilities of a completion, a list element a token. */
interface Logprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
}

interface Part {
  text: string;
  logprobs: Logprobs | null;
  finish_reason: FinishReason | null;
}

/** The answer to POST /v1/completions in one piece. */
export async function completionReply(
  request: CompletionRequest,
  served: ServedModel,
  events: AsyncIterable<ChoiceEvent>,
): Promise<object> {
  const reply = new CompletionReply(request, served);
  const choices = request.sequences.map((_, index) => ({ ...reply.opening(index), index }));
  for await (const { index, event } of events) {
    const part = reply.part(index, event);
    const choice = choices[index]!;
    choices[index] = {
      ...choice,
      text: choice.text + part.text,
      logprobs: joined(choice.logprobs, part.logprobs),
      finish_reason: part.finish_reason ?? choice.finish_reason,
    };
  }
  return { ...reply.head, choices, usage: reply.usage };
}

/** The same in chunks, as it comes. */
export async function* completionChunks(
  request: CompletionRequest,
  served: ServedModel,
  events: AsyncIterable<ChoiceEvent>,
): AsyncGenerator<object, void, void> {
  const reply = new CompletionReply(request, served);
  const chunk = (part: Part, index: number): object => ({
    ...reply.head,
    choices: [{ ...part, index }],
    ...(request.includeUsage && { usage: null }),
  });
  for (const index of request.sequences.keys()) {
    const opening = reply.opening(index);
    if (opening.text !== '') yield chunk(opening, index);
  }
  for await (const { index, event } of events) {
    if (event.type === 'prompt' && !request.echo) continue;
    yield chunk(reply.part(index, event), index);
  }
  if (request.includeUsage) yield { ...reply.head, choices: [], usage: reply.usage };
}

/** Turns what comes of the sequences into parts of the choices. */
class CompletionReply {
  readonly head: object;
  readonly usage: Usage;
  readonly #request: CompletionRequest;
  readonly #tokenizer: Tokenizer;

  constructor(request: CompletionRequest, served: ServedModel) {
    this.head = { id: `cmpl-${randomUUID()}`, object: 'text_completion', created: Math.floor(Date.now() / 1000), model: served.id };
    this.usage = new Usage(request.prompts.map(({ ids }) => ids));
    this.#request = request;
    this.#tokenizer = served.tokenizer;
  }

  /** With `echo` the prompt; where it has log-probabilities it comes with them. */
  opening(index: number): Part {
    const { echo, logprobs } = this.#request;
    return { text: echo && logprobs === undefined ? this.#prompt(index).text : '', logprobs: null, finish_reason: null };
  }

  part(index: number, event: SequenceEvent): Part {
    switch (event.type) {
      case 'prompt':
        return { text: this.#prompt(index).text, logprobs: this.#promptLogprobs(this.#prompt(index), event), finish_reason: null };
      case 'text':
        return { text: event.text, logprobs: this.#logprobs(event.tokens, index), finish_reason: null };
      case 'end':
        this.usage.add(event.tokens);
        return { text: '', logprobs: null, finish_reason: finishReason(event.finishReason) };
    }
  }

  #prompt(index: number): ReadPrompt {
    return this.#request.prompts[Math.floor(index / this.#request.n)]!;
  }

  /** Offsets count from the beginning of the prompt, as with OpenAI. */
  #logprobs(records: readonly TokenRecord[], index: number): Logprobs | null {
    if (this.#request.logprobs === undefined) return null;
    const start = this.#prompt(index).text.length;
    return {
      tokens: records.map(({ id }) => textOf(this.#tokenizer, id)),
      token_logprobs: records.map(({ logProb }) => finite(logProb)),
      top_logprobs: records.map(({ id, logProb, topIds, topLogProbs }) => this.#top(topIds, topLogProbs, id, logProb)),
      text_offset: records.map(({ offset }) => start + offset),
    };
  }

  /** Nothing stands before the first token, which therefore has no probability. */
  #promptLogprobs({ ids, text }: ReadPrompt, { scores }: Extract<SequenceEvent, { type: 'prompt' }>): Logprobs {
    const { logProbs, topIds, topLogProbs } = scores;
    const count = logProbs.length === 0 ? 0 : topIds.length / logProbs.length;
    const top = Array.from(logProbs, (logProb, index) => {
      const from = index * count;
      return this.#top(topIds.subarray(from, from + count), topLogProbs.subarray(from, from + count), ids[index + 1]!, logProb);
    });
    return {
      tokens: Array.from(ids, (id) => textOf(this.#tokenizer, id)),
      token_logprobs: [null, ...Array.from(logProbs, finite)],
      top_logprobs: [null, ...top],
      text_offset: offsetsOf(this.#tokenizer, ids, text),
    };
  }

  /** By text, of which several ids may have the same: the most probable one counts. The token itself is always among them. */
  #top(ids: Int32Array, logProbs: Float32Array, id: number, logProb: number): Record<string, number> {
    const entries = [
      ...Array.from(ids, (top, rank) => [textOf(this.#tokenizer, top), finite(logProbs[rank]!)] as const),
      [textOf(this.#tokenizer, id), finite(logProb)] as const,
    ];
    return Object.fromEntries(entries.reverse());
  }
}

function joined(before: Logprobs | null, more: Logprobs | null): Logprobs | null {
  if (before === null || more === null) return before ?? more;
  return {
    tokens: [...before.tokens, ...more.tokens],
    token_logprobs: [...before.token_logprobs, ...more.token_logprobs],
    top_logprobs: [...before.top_logprobs, ...more.top_logprobs],
    text_offset: [...before.text_offset, ...more.text_offset],
  };
}
