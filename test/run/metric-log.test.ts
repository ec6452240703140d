import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptOnResume, MetricLog, readMetrics } from '../../lib/run/metric-log.ts';
import { freshFolder } from '../train/tiny.ts';

const records = [
  { type: 'evaluation', step: 0 },
  { type: 'step', step: 1 },
  { type: 'step', step: 2 },
  { type: 'epoch', step: 2 },
  { type: 'evaluation', step: 2 },
  { type: 'certificate', step: 2 },
  { type: 'step', step: 3 },
];

test('each record is a line, on disk in its order once it is asked for', async () => {
  const path = join(freshFolder(), 'metrics.jsonl');
  const log = await MetricLog.open(path);
  log.write({ type: 'step', step: 1, loss: 0.5 });
  await log.flush();
  expect(readFileSync(path, 'utf8')).toBe('{"type":"step","step":1,"loss":0.5}\n');
  await log.close();
});

test('a log opened again goes on where it was', async () => {
  const path = join(freshFolder(), 'metrics.jsonl');
  for (const step of [1, 2]) {
    const log = await MetricLog.open(path);
    log.write({ type: 'step', step });
    await log.close();
  }
  expect(readMetrics(path).map(({ step }) => step)).toEqual([1, 2]);
});

test('a line cut off by a dying process is passed over', async () => {
  const path = join(freshFolder(), 'metrics.jsonl');
  const log = await MetricLog.open(path);
  log.write({ type: 'step', step: 1 });
  await log.close();
  appendFileSync(path, '{"type":"step","ste');
  expect(readMetrics(path)).toEqual([{ type: 'step', step: 1 }]);
});

test.each([
  ['in the middle of an epoch', { step: 2, position: 2 }, ['evaluation 0', 'step 1', 'step 2', 'evaluation 2']],
  ['at the end of an epoch', { step: 2, position: 0 }, ['evaluation 0', 'step 1', 'step 2', 'epoch 2', 'evaluation 2']],
])('a run resumed %s keeps what it will not write again', async (_, state, kept) => {
  expect(records.filter(keptOnResume(state)).map(({ type, step }) => `${type} ${step}`)).toEqual(kept);
});

test('lines that a full disk refuses are kept, and the next flush says so', async () => {
  const log = await MetricLog.open('/dev/full');
  log.write({ type: 'step', step: 1 });
  await expect(log.flush()).rejects.toEqual(
    expect.objectContaining({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(/room on disk.*free some space/) }),
  );
  await log.close();
});
