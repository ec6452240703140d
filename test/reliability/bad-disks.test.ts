import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isComplete, newestCheckpoint } from '../../lib/checkpoint/checkpoint-list.ts';
import { readMetrics } from '../../lib/run/metric-log.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { BadDisk, NO_BAD_DISK, testOnBadDisk } from './bad-disk.ts';

/**
 * Disks that are slow, hang, or turn read-only or broken under files that are open. What the process asks of one folder is held up or
 * refused (bad-disk.c).
 */

jest.setTimeout(120_000);
if (NO_BAD_DISK !== undefined) console.warn(`skipped: ${NO_BAD_DISK}`);

const folder = freshFolder();
const data = writeIds(join(folder, 'ids.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));
const trainAt = (out: string, steps: number): string[] => [
  'train',
  '--model',
  TINY_MODEL,
  '--data',
  data,
  '--learning-rate',
  '1e-3',
  '--batch-size',
  '3',
  '--evaluate-every-steps',
  '0',
  '--comparison-contexts',
  '0',
  '--save-every-steps',
  '1',
  '--keep-last-checkpoints',
  '2',
  '--max-steps',
  String(steps),
  '--out',
  out,
];

const [READ_ONLY, BROKEN] = ['error 30', 'error 5'];
const logged = (run: string): number[] =>
  readMetrics(join(run, 'metrics.jsonl'))
    .filter(({ type }) => type === 'step')
    .map(({ step }) => step);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

/** What stands there is whole, and a resume goes on. */
async function expectGoesOn(run: string): Promise<void> {
  const newest = (await newestCheckpoint(join(run, 'checkpoints')))!;
  expect(await isComplete(newest.path)).toBe(true);
  expect(await cli(...trainAt(run, newest.step + 2), '--resume')).toMatchObject({ code: 0 });
  expect(logged(run)).toEqual(upTo(newest.step + 2));
}

testOnBadDisk('on a slow disk a training takes longer, and is the same', async () => {
  const [quick, disk] = [join(folder, 'quick'), new BadDisk()];
  expect(await cli(...trainAt(quick, 4))).toMatchObject({ code: 0 });
  disk.becomes('slow 10');
  const slow = join(disk.path, 'run');
  expect(await disk.start(trainAt(slow, 4)).finished).toMatchObject({ code: 0 });
  for (const name of ['model.safetensors', 'optimizer.safetensors']) {
    const [one, other] = [quick, slow].map((run) => readFileSync(join(run, 'checkpoints', 'step-000004', name)));
    expect(one!.equals(other!)).toBe(true);
  }
  expect(logged(slow)).toEqual(upTo(4));
});

testOnBadDisk('a disk that hangs for a while holds up a training, which then goes on to its end', async () => {
  const disk = new BadDisk();
  const run = join(disk.path, 'run');
  const running = disk.start(trainAt(run, 20));
  await running.saying('saved ');
  disk.becomes('hang');
  await sleep(1500);
  disk.becomes('good');
  expect(await running.finished).toMatchObject({ code: 0 });
  expect(logged(run)).toEqual(upTo(20));
});

testOnBadDisk('a training whose disk hangs for good hears the first Ctrl-C, and the second ends it at once', async () => {
  const disk = new BadDisk();
  const run = join(disk.path, 'run');
  const running = disk.start(trainAt(run, 1_000_000));
  await running.saying('saved ');
  disk.becomes('hang');
  await sleep(500);
  running.child.kill('SIGINT');
  await running.saying('once more ends at once');
  const asked = performance.now();
  running.child.kill('SIGINT');
  expect((await running.finished).signal).toBe('SIGINT');
  expect(performance.now() - asked).toBeLessThan(10_000);
  await expectGoesOn(run);
});

testOnBadDisk.each([
  ['read-only', READ_ONLY, /read-only/],
  ['broken', BROKEN, /the disk fails/],
])('a disk that turns %s under an open log and is mended: saves fail in words, and nothing is lost', async (_, mode, words) => {
  const disk = new BadDisk();
  const run = join(disk.path, 'run');
  const running = disk.start(trainAt(run, 16));
  await running.saying('saved ');
  disk.becomes(mode);
  await running.saying('the next save tries again');
  disk.becomes('good');
  const { code, stderr } = await running.finished;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(words) as string });
  expect(stderr).not.toMatch(/\n {4}at |unexpected error/);
  expect(logged(run)).toEqual(upTo(16));
});

testOnBadDisk.each([
  ['read-only', READ_ONLY],
  ['broken', BROKEN],
])('a disk that turns %s and stays so: the training ends in words, and what was whole goes on', async (_, mode) => {
  const disk = new BadDisk();
  const run = join(disk.path, 'run');
  const running = disk.start(trainAt(run, 16));
  await running.saying('saved ');
  disk.becomes(mode);
  const { code, stderr } = await running.finished;
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/error ERR_CHECKPOINT: expected/) as string });
  expect(stderr).not.toMatch(/\n {4}at |unexpected error/);
  disk.becomes('good');
  await expectGoesOn(run);
});
