import { randomUUID } from 'node:crypto';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { ChatRequest } from './chat-request.ts';
import type { ChoiceEvent } from './choice-events.ts';
import { finishReason, type FinishReason } from './finish-reason.ts';
import type { TokenRecord } from './sequence.ts';
import type { ServedModel } from './served-model.ts';
import { bytesOf, finite, textOf } from './token-texts.ts';
import { Usage } from './usage.ts';

interface TokenLogprob {
  token: string;
  logprob: number;
  bytes: number[];
}

interface Logprobs {
  content: (TokenLogprob & { top_logprobs: TokenLogprob[] })[];
  refusal: null;
}

/** The answer to POST /v1/chat/completions in one piece. */
export async function chatReply(request: ChatRequest, served: ServedModel, events: AsyncIterable<ChoiceEvent>): Promise<object> {
  const usage = new Usage([request.promptIds]);
  const answers = request.sequences.map(() => ({
    content: '',
    logprobs: logprobsOf([], request, served.tokenizer),
    finish_reason: null as FinishReason | null,
  }));
  for await (const { index, event } of events) {
    const answer = answers[index]!;
    if (event.type === 'text') {
      answer.content += event.text;
      answer.logprobs?.content.push(...(logprobsOf(event.tokens, request, served.tokenizer)?.content ?? []));
    }
    if (event.type !== 'end') continue;
    answer.finish_reason = finishReason(event.finishReason);
    usage.add(event.tokens);
  }
  const choices = answers.map(({ content, ...rest }, index) => ({
    index,
    message: { role: 'assistant', content, refusal: null },
    ...rest,
  }));
  return { ...headOf('chat.completion', served), choices, usage };
}

/** The same in chunks, as it comes: first who speaks, then what, then why it ends. */
export async function* chatChunks(
  request: ChatRequest,
  served: ServedModel,
  events: AsyncIterable<ChoiceEvent>,
): AsyncGenerator<object, void, void> {
  const usage = new Usage([request.promptIds]);
  const head = headOf('chat.completion.chunk', served);
  const chunk = (index: number, delta: object, logprobs: Logprobs | null, reason: FinishReason | null): object => ({
    ...head,
    choices: [{ index, delta, logprobs, finish_reason: reason }],
    ...(request.includeUsage && { usage: null }),
  });
  for (const index of request.sequences.keys()) yield chunk(index, { role: 'assistant', content: '', refusal: null }, null, null);
  for await (const { index, event } of events) {
    if (event.type === 'text') yield chunk(index, { content: event.text }, logprobsOf(event.tokens, request, served.tokenizer), null);
    if (event.type !== 'end') continue;
    usage.add(event.tokens);
    yield chunk(index, {}, null, finishReason(event.finishReason));
  }
  if (request.includeUsage) yield { ...head, choices: [], usage };
}

function headOf(object: string, { id: model }: ServedModel): object {
  return { id: `chatcmpl-${randomUUID()}`, object, created: Math.floor(Date.now() / 1000), model };
}

function logprobsOf(tokens: readonly TokenRecord[], { logprobs }: ChatRequest, tokenizer: Tokenizer): Logprobs | null {
  if (logprobs === undefined) return null;
  const describe = (id: number, logProb: number): TokenLogprob => ({
    token: textOf(tokenizer, id),
    logprob: finite(logProb),
    bytes: bytesOf(tokenizer, id),
  });
  const content = tokens.map(({ id, logProb, topIds, topLogProbs }) => ({
    ...describe(id, logProb),
    top_logprobs: Array.from(topIds, (top, rank) => describe(top, topLogProbs[rank]!)),
  }));
  return { content, refusal: null };
}
