import { load } from './load.ts';

// LOAD_SECONDS makes the long form of it: npm run reliability:load.
const seconds = Number(process.env['LOAD_SECONDS'] ?? 3);
const clients = Number(process.env['LOAD_CLIENTS'] ?? 24);
const seed = Number(process.env['LOAD_SEED'] ?? 1);
const isLong = seconds > 60;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const mb = (bytes: number): number => Math.round(bytes / 1e5) / 10;

test(
  'many clients, some of them leaving: every answer that is waited for comes, and is the right one; nothing is left behind',
  async () => {
    const counts = await load({ clients, seconds, seed, sampleEveryMs: isLong ? 5000 : 500 });
    const { asked, right, left, refused, faults, perClient, latency, rss, heap, live } = counts;
    if (isLong) {
      const { length } = rss;
      // What is warm by then: the first fifth is not counted.
      const [early, late] = [
        mean(rss.slice(Math.floor(length / 5), Math.floor((2 * length) / 5))),
        mean(rss.slice(Math.floor((4 * length) / 5))),
      ];
      process.stdout.write(
        `${clients} clients, ${seconds} s: ${right} of ${asked} answers right, ${left} left in the middle, ${refused} refused; answers a client ${perClient[0]} to ${perClient.at(-1)}, median ${perClient[clients / 2]}; seconds an answer ${latency.map((value) => value.toFixed(2)).join(', ')} (median, 99 %, most); RSS ${mb(early)} MB in the second fifth, ${mb(late)} MB in the last; heap ${mb(mean(heap.slice(0, 5)))} to ${mb(mean(heap.slice(-5)))} MB; live tensors ${Math.min(...live)} to ${Math.max(...live)}\n`,
      );
      expect(late - early).toBeLessThan(16e6);
    }
    expect(faults.slice(0, 5)).toEqual([]);
    expect(right).toBe(asked);
    expect(left).toBeGreaterThan(0);
    // Nobody is kept waiting for the others' many.
    expect(perClient[0]).toBeGreaterThan(0);
    if (isLong) expect(perClient[0]!).toBeGreaterThan(perClient.at(-1)! / 2);
  },
  120_000 + 1000 * seconds,
);
