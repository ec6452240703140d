import { rmSync } from 'node:fs';
import { atOnce, endOnce, spreadOf } from './ends.ts';
import { seeded } from './kills.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { child, isLong, say, times } from './long-form.ts';

/** npm run reliability:endings: every stage by every ending, so many times each. */
const TIMES = times('TIMES', 1);
const AT_ONCE = times('AT_ONCE', 1);
const STAGES = ['loading', 'stepping', 'saving', 'generating', 'disposing', 'serving'];
const ENDINGS: Readonly<Record<string, { code: number | null; signal: string | null; stderr: RegExp }>> = {
  done: { code: 0, signal: null, stderr: /^$/ },
  throws: { code: 1, signal: null, stderr: /nobody catches this/ },
  exit: { code: 7, signal: null, stderr: /^$/ },
  SIGTERM: { code: null, signal: 'SIGTERM', stderr: /^$/ },
};
const ABORT = /terminate called|Napi::Error|FATAL ERROR|Segmentation|double free|corrupt|assert/i;
// What is killed leaves its folder behind.
const TMPDIR = freshFolder();
afterAll(() => rmSync(TMPDIR, { recursive: true, force: true }));
// One thread: what is tried are ends, not how quick a step is.
const env = { MODEL: TINY_MODEL, TMPDIR, OMP_NUM_THREADS: '1' };
const random = seeded(times('SEED', 1));

// One ending a stage in npm test, each another; the others have the long form.
const cases = STAGES.flatMap((stage, at) =>
  Object.keys(ENDINGS)
    .filter((_, index) => isLong || index === at % 4)
    .map((ending) => [stage, ending] as const),
);

test.each(cases)(
  '%s, and the process ends: %s',
  async (stage, ending) => {
    const faults: unknown[] = [];
    const seconds: number[] = [];
    const delays = Array.from({ length: TIMES }, () => Math.floor(random() * 60));
    await atOnce(TIMES, AT_ONCE, async (at) => {
      const end = await endOnce(stage, ending, delays[at]!, env);
      seconds.push(end.seconds);
      const wanted = ENDINGS[ending]!;
      const isRight =
        !end.hung && end.code === wanted.code && end.signal === wanted.signal && wanted.stderr.test(end.stderr) && !ABORT.test(end.stderr);
      if (!isRight) faults.push({ at, delay: delays[at], ...end, stderr: end.stderr.slice(0, 600) });
    });
    say(`${stage}, ${ending}: ${TIMES} times, ${faults.length} faults, ${spreadOf(seconds)} to the end`);
    expect(faults).toEqual([]);
  },
  60_000 + TIMES * 60_000,
);

test.each(isLong ? STAGES : ['disposing', 'saving', 'serving'])(
  '%s in a worker that is terminated, and the main thread goes on',
  async (stage) => {
    const count = isLong ? TIMES : 4;
    const { code, signal, stdout, stderr } = await child('endings.mjs', [stage, 'terminate', 3, count], env);
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    const { codes, seconds } = JSON.parse(stdout) as { codes: number[]; seconds: number[] };
    say(`${stage}, terminate: ${codes.length} times, exit codes ${[...new Set(codes)].join(', ')}, ${spreadOf(seconds)} to the end`);
    // Node's code of a worker that was terminated.
    expect(codes).toEqual(Array.from({ length: count }, () => 1));
  },
  60_000 + TIMES * 60_000,
);
