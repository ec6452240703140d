import { rmSync } from 'node:fs';
import { seeded } from './kills.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { child, isLong, say, times } from './long-form.ts';

/** npm run reliability:endings: every stage by every ending, so many times each. */
const TIMES = times('ENDINGS', 1);
const STAGES = ['loading', 'stepping', 'saving', 'generating', 'disposing', 'serving'];
const ENDINGS: Readonly<Record<string, { code: number | null; signal: string | null }>> = {
  done: { code: 0, signal: null },
  throws: { code: 1, signal: null },
  exit: { code: 7, signal: null },
  SIGTERM: { code: null, signal: 'SIGTERM' },
};
const ABORT = /terminate called|Napi::Error|FATAL ERROR|Segmentation|double free|corrupt|assert/i;
// What is killed leaves its folder behind.
const TMPDIR = freshFolder();
afterAll(() => rmSync(TMPDIR, { recursive: true, force: true }));
const env = { MODEL: TINY_MODEL, TMPDIR };
const random = seeded(times('SEED', 1));

// One ending a stage in npm test, each another; the others have the long form.
const cases = STAGES.flatMap((stage, at) => Object.keys(ENDINGS).filter((_, index) => isLong || index === at % 4).map((ending) => [stage, ending] as const));

test.each(cases)('%s, and the process ends: %s', async (stage, ending) => {
  const faults: unknown[] = [];
  for (let at = 0; at < TIMES; at++) {
    const delay = Math.floor(random() * 60);
    const { code, signal, stderr } = await child('endings.mjs', [stage, ending, delay], env);
    const { code: wanted, signal: by } = ENDINGS[ending]!;
    if (code !== wanted || signal !== by || ABORT.test(stderr)) faults.push({ at, delay, code, signal, stderr: stderr.slice(0, 600) });
  }
  say(`${stage}, ${ending}: ${TIMES} times, ${faults.length} faults`);
  expect(faults).toEqual([]);
}, 60_000 + TIMES * 60_000);

test.each(isLong ? STAGES : ['disposing', 'saving', 'serving'])('%s in a worker that is terminated, and the main thread goes on', async (stage) => {
  const count = isLong ? TIMES : 4;
  const { code, signal, stderr } = await child('endings.mjs', [stage, 'terminate', 3, count], env);
  say(`${stage}, terminate: ${count} times, ${code === 0 ? 'well' : `${code ?? signal} ${stderr.slice(0, 600)}`}`);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
}, 60_000 + TIMES * 60_000);
