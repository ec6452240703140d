import { EventQueue } from '../generate/event-queue.ts';
import type { Scheduler } from './scheduler.ts';
import type { Sequence, SequenceEvent, SequenceRequest } from './sequence.ts';

export interface ChoiceEvent {
  /** Of the choice, counted from 0. */
  index: number;
  event: SequenceEvent;
}

/**
 * Sends the sequences of a request to a model and gives back what comes of all of them, as it comes. An abort of `signal` cancels them;
 * leaving the loop does too.
 * @throws ApiError as `submit`, at once
 */
export function choiceEvents(
  scheduler: Scheduler,
  client: string,
  requests: readonly SequenceRequest[],
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent, void, void> {
  const sequences = scheduler.submit(client, requests);
  const cancelAll = (): void => sequences.forEach((sequence) => scheduler.cancel(sequence));
  if (signal.aborted) cancelAll();
  signal.addEventListener('abort', cancelAll, { once: true });
  const queue = new EventQueue<ChoiceEvent>();
  void Promise.all(sequences.map((sequence, index) => forward(sequence, index, queue))).then(
    () => queue.close(),
    (error: unknown) => queue.close({ error }),
  );
  return read();

  async function* read(): AsyncGenerator<ChoiceEvent, void, void> {
    try {
      yield* queue;
    } finally {
      cancelAll();
      signal.removeEventListener('abort', cancelAll);
    }
  }
}

async function forward(sequence: Sequence, index: number, queue: EventQueue<ChoiceEvent>): Promise<void> {
  for await (const event of sequence.events) queue.push({ index, event });
}
