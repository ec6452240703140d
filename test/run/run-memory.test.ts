import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { freeMemory } from '../../lib/memory-room.ts';
import { run } from '../../lib/run/run.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL, writeIds } from '../train/tiny.ts';

jest.mock('../../lib/memory-room.ts', () => ({ ...jest.requireActual<object>('../../lib/memory-room.ts'), freeMemory: jest.fn() }));

const folder = freshFolder();
const data = writeIds(join(folder, 'train.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));

test('a run that the system has no memory for is refused before its first step, unless that is asked for', async () => {
  jest.mocked(freeMemory).mockReturnValue(1);
  const begin = (out: string) =>
    run(normalizeConfig([{ name: 'test', values: { model: TINY_MODEL, data, out, learningRate: 1e-3, maxSteps: 1, batchSize: 3 } }]));
  try {
    const out = join(folder, 'refused');
    expect(await refusal(begin(out))).toMatchObject({ code: 'ERR_OUT_OF_MEMORY', message: expect.stringContaining('--dry-run') });
    expect(existsSync(out)).toBe(false);
    process.env.HYPERFIT_MEMORY_CHECK = '0';
    expect(await begin(join(folder, 'begun'))).toMatchObject({ step: 1 });
  } finally {
    delete process.env.HYPERFIT_MEMORY_CHECK;
    jest.mocked(freeMemory).mockReset();
  }
});

test('--dry-run says what a run would take, and writes nothing', async () => {
  const out = join(folder, 'dry');
  const { code, stdout } = await cli(
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--batch-size',
    '3',
    '--out',
    out,
    '--learning-rate',
    '1e-3',
    '--epochs',
    '1',
    '--dry-run',
    '--json',
  );
  const plan = JSON.parse(stdout) as {
    sequences: number;
    longestSequence: number;
    stepsPerEpoch: number;
    memory: { lines: { bytes: number }[]; totalBytes: number };
    fits: boolean;
  };
  expect(code).toBe(0);
  expect(plan.stepsPerEpoch).toBe(Math.ceil(plan.sequences / 3));
  expect(plan.longestSequence).toBe(20);
  expect(plan.memory.totalBytes).toBe(plan.memory.lines.reduce((sum, { bytes }) => sum + bytes, 0));
  expect([plan.fits, existsSync(out)]).toEqual([true, false]);
});
