import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memoryStats } from '../lib/tensor/torch.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Finalisers of a whole file's tensors may take many turns on a busy machine. */
const MOST_ROUNDS = 200;

/** Collects until `done`: finalisers run after a turn of the event loop, never inside synchronous code. */
export async function collectUntil(done: () => boolean): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS && !done(); round++) {
    collect();
    await turn();
  }
}

/**
 * What is live once nothing forgotten is left to be finalised. A test that awaits between two counts needs it for the first:
 * what earlier files left behind is otherwise freed in between.
 */
export async function settledMemory(): Promise<ReturnType<typeof memoryStats>> {
  let quietRounds = 0;
  let last = memoryStats();
  await collectUntil(() => {
    const now = memoryStats();
    quietRounds = now.liveTensors === last.liveTensors && now.liveModels === last.liveModels ? quietRounds + 1 : 0;
    last = now;
    return quietRounds > 5;
  });
  return last;
}

export const settledTensors = async (): Promise<number> => (await settledMemory()).liveTensors;
