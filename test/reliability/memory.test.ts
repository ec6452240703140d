import { TINY_MODEL } from '../train/tiny.ts';
import { answer, DIST, isLong, say, times } from './long-form.ts';
import { join } from 'node:path';

interface Held {
  rss: number;
  liveTensors: number;
  liveModels: number;
}

interface Measured {
  slope: number;
  first: Held;
  last: Held;
  end: Held;
  peak: number;
}

const MB = 2 ** 20;
// V8's young generation grows once, by 17 MB, at some moment of its own: here it may not.
const measure = async (work: string, count: number): Promise<Measured> =>
  answer<Measured>('memory.mjs', [join(DIST, 'index.mjs'), TINY_MODEL, work, count], {}, ['--expose-gc', '--max-semi-space-size=4']);

// RSS of so few rounds is noise, so that only the long form (npm run reliability:memory) holds the slope.
const MOST_SLOPE = 1024;

test.each([
  ['training steps', 'steps', times('STEPS', 60)],
  ["steps of the library's loop", 'training', times('STEPS', 60)],
  ['steps of a run with its log and saves', 'run', times('STEPS', 40)],
  ['generations and streams', 'generations', times('GENERATIONS', 40)],
  ['loads of a model', 'loads', times('LOADS', 8)],
])(
  '%s leave no memory behind',
  async (name, work, count) => {
    const { slope, first, last, end } = await measure(work, count);
    say(
      `${name}: ${count}, ${slope.toFixed(0)} bytes each after warm-up, RSS ${(first.rss / MB).toFixed(1)} to ${(last.rss / MB).toFixed(1)} MB, ${first.liveTensors} and ${last.liveTensors} live tensors`,
    );
    expect(last.liveTensors).toBe(first.liveTensors);
    expect(end).toMatchObject({ liveTensors: 0, liveModels: 0 });
    // A load opens files, whose pages the system keeps as it likes.
    if (isLong) expect(slope).toBeLessThan(work === 'loads' ? 2 * MOST_SLOPE : MOST_SLOPE);
    expect(last.rss - first.rss).toBeLessThan(16 * MB);
  },
  3_600_000,
);

test('models and optimizers that are dropped without dispose are freed', async () => {
  const count = times('DROPPED', 64);
  const { first, last, end } = await measure('droppedModels', count);
  say(`models made and dropped: ${count}, RSS ${(first.rss / MB).toFixed(1)} to ${(last.rss / MB).toFixed(1)} MB`);
  expect(end).toMatchObject({ liveTensors: 0, liveModels: 0 });
  expect(last.rss - first.rss).toBeLessThan(16 * MB);
}, 600_000);

test('tensors left to the collector in a synchronous loop, 4,000 of 1 MiB, never hold 300 MB', async () => {
  const { peak, end } = await measure('loopOfTensors', 2000);
  say(`2,000 x 1 MiB and as many sums left to the collector: RSS at most ${(peak / MB).toFixed(0)} MB`);
  expect(peak).toBeLessThan(420 * MB);
  expect(end.liveTensors).toBe(0);
}, 600_000);
