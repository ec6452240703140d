import { EventQueue } from './event-queue.ts';
import type { TokenEvent } from './generation.ts';
import { generate, type Generator } from './generate.ts';
import { normalizeGenerateOptions, type GenerateOptions } from './options.ts';
import { encodePrompts, type Prompt } from './prompts.ts';
import { RowText } from './row-text.ts';

/**
 * One continuation, token by token. The texts of all events are together `generate`'s text. Leaving the loop (`break`) ends the native work
 * before the loop is left.
 * @throws HyperfitError as `generate`
 */
export async function* streamTokens(
  model: Generator,
  prompt: Prompt,
  options: GenerateOptions = {},
): AsyncGenerator<TokenEvent, void, void> {
  const settings = normalizeGenerateOptions(options);
  const [promptIds] = await encodePrompts([prompt], model, settings.addSpecialTokens);
  const { tokenizer } = model;
  const queue = new EventQueue<QueuedToken>();
  const left = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
  const onToken: GenerateOptions['onToken'] = (row, id, logProb) => {
    queue.push({ id, logProb });
    return options.onToken?.(row, id, logProb);
  };
  const work = generate(model, [promptIds!], { ...options, signal, onToken }).then(
    () => queue.close(),
    (error: unknown) => queue.close({ error }),
  );
  try {
    yield* tokenizer === undefined ? plainEvents(queue) : readableEvents(queue, new RowText(tokenizer, promptIds!, settings.stopStrings));
  } finally {
    left.abort();
    await work;
  }
}

async function* plainEvents(queue: EventQueue<QueuedToken>): AsyncGenerator<TokenEvent, void, void> {
  for await (const { id, logProb } of queue) yield { id, text: '', logProb };
}

/** A token after which some text waits is given out when the next one comes, or with that text when none does. */
async function* readableEvents(queue: EventQueue<QueuedToken>, text: RowText): AsyncGenerator<TokenEvent, void, void> {
  let last: TokenEvent | undefined;
  let done = 0;
  for await (const { id, logProb } of queue) {
    if (last !== undefined) yield last;
    text.push(id);
    const { ready } = text;
    last = { id, text: text.text.slice(done, ready), logProb };
    done = ready;
    if (text.isStopped) break;
    if (text.isWaiting) continue;
    yield last;
    last = undefined;
  }
  if (last !== undefined) yield { ...last, text: last.text + text.text.slice(done) };
}

interface QueuedToken {
  id: number;
  logProb: number;
}
