import { existsSync, mkdirSync, symlinkSync, cpSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../cli/cli-process.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { answer, DIST, isLong, say, times } from './long-form.ts';

const OTHER = join(__dirname, '..', 'fixtures', 'models', 'llama-tied-gqa');

test('calls of several tasks and workers on two models give the ids of one by one', async () => {
  const [calls, workers] = [times('CALLS', 60), isLong ? 4 : 2];
  const result = await answer('interleaved.mjs', [calls, 8, workers], { MODEL: TINY_MODEL, OTHER });
  say(`${calls} calls of 8 tasks and ${workers} workers: ${JSON.stringify(result)}`);
  expect(result).toEqual({ calls, different: [], count: 0 });
}, 3_600_000);

test('two copies of the package, each as module and as CommonJS, work in one process', async () => {
  const copy = join(freshFolder(), 'node_modules', 'hyperfit');
  mkdirSync(copy, { recursive: true });
  for (const name of ['dist', 'package.json']) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  // Real copies: the addon is opened twice, from two files.
  cpSync(join(ROOT, 'build-cmake', 'Release'), join(copy, 'build-cmake', 'Release'), { recursive: true });
  const result = await answer('two-copies.mjs', [TINY_MODEL, DIST, join(copy, 'dist')]);
  expect(result).toEqual({ ids: 1, sums: [6, 6, 6, 6], known: [true, true, true, true], workers: 1 });
}, 120_000);

const SMOLLM2 = join(homedir(), '.cache', 'hyperfit', 'models', 'SmolLM2-135M-Instruct.Q4_1.gguf');

// A time says something on a quiet machine alone, so that npm test does not ask.
(isLong && existsSync(SMOLLM2) ? test : test.skip)(
  'how long the event loop waits while a model trains and writes',
  async () => {
    const result = await answer<Record<string, { p99: number }>>('event-loop.mjs', [times('SECONDS', 15)], { MODEL: SMOLLM2 });
    for (const [work, delays] of Object.entries(result)) say(`event loop, ${work}: ${JSON.stringify(delays)} ms`);
    expect(Object.keys(result)).toEqual(['idle', 'training', 'generating', 'both']);
  },
  3_600_000,
);
