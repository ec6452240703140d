import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { listRuns } from '../../lib/run/run-list.ts';
import type { RunStatus } from '../../lib/run/run-status.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli, start } from './cli-process.ts';

const folder = freshFolder();
const data = writeIds(join(folder, 'train.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));
const heldOut = writeIds(join(folder, 'held-out.jsonl'), randomSequences([20, 20, 14], 2));
const runs = join(folder, 'runs');
const TRAIN = [
  'train',
  '--model',
  TINY_MODEL,
  '--data',
  data,
  '--held-out',
  heldOut,
  '--batch-size',
  '3',
  '--context-length',
  '6',
  '--max-new-tokens',
  '8',
  '--comparison-contexts',
  '2',
  '--evaluate-every-steps',
  '0',
  '--learning-rate',
];

const csvOf = (text: string): Record<string, string>[] =>
  parse(text, { columns: true, record_delimiter: '\r\n' }) as Record<string, string>[];
const read = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

async function list(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli('runs', ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

let comparison: Record<string, string>[];
beforeAll(async () => {
  const fast = await cli(
    ...TRAIN,
    '1e-3',
    '--preset',
    'demo',
    '--max-steps',
    '4',
    '--sequence-length',
    '64',
    '--out',
    join(runs, 'fast'),
    '--csv',
  );
  expect({ code: fast.code, stderr: fast.code === 0 ? '' : fast.stderr }).toEqual({ code: 0, stderr: '' });
  comparison = csvOf(fast.stdout);
  expect((await cli(...TRAIN, '1e-5', '--max-steps', '2', '--out', join(runs, 'deep/slow'))).code).toBe(0);
  expect((await cli(...TRAIN, '1e30', '--max-steps', '9', '--out', join(runs, 'wild'))).code).toBe(4);
  // What others left behind: a run without its settings, one with half a file, one whose process was killed, one of before there was a
  // status.
  mkdirSync(join(runs, 'given-up/checkpoints'), { recursive: true });
  mkdirSync(join(runs, 'given-up/generations'));
  for (const name of ['half', 'killed', 'old']) cpSync(join(runs, 'fast'), join(runs, name), { recursive: true });
  writeFileSync(join(runs, 'half/run.json'), readFileSync(join(runs, 'fast/run.json'), 'utf8').slice(0, 200));
  const status = read(join(runs, 'killed/status.json')) as unknown as RunStatus;
  writeFileSync(
    join(runs, 'killed/status.json'),
    JSON.stringify({ ...status, state: 'running', endedAt: null, reason: null, process: { ...status.process, start: '1' } }),
  );
  rmSync(join(runs, 'old/status.json'));
}, 120_000);

test('train --csv prints the closing comparison, a row for each way of writing', () => {
  expect(comparison.map(({ name }) => name)).toEqual([
    'original, greedy',
    'original, Top-P 0.9',
    'hyperfitted, greedy',
    'hyperfitted, citation blocker',
  ]);
  const stored = (read(join(runs, 'fast/comparison.json')) as unknown as { variants: { result: { ttr: number } }[] }).variants;
  expect(comparison.map(({ ttr }) => Number(ttr))).toEqual(stored.map(({ result }) => result.ttr));
});

test('every run below is listed with its state; what is broken says why', async () => {
  const found = (await list(runs, '--sort', 'name'))['runs'] as {
    name: string;
    state: string;
    problem: string | null;
    ttr: number | null;
    preset: string | null;
    step: number;
    originalTtr: number | null;
    loss: number | null;
  }[];
  expect(found.map(({ name, state }) => [name.split('/runs/')[1], state])).toEqual([
    ['deep/slow', 'done'],
    ['fast', 'done'],
    ['given-up', 'broken'],
    ['half', 'broken'],
    ['killed', 'interrupted'],
    ['old', 'done'],
    ['wild', 'failed'],
  ]);
  expect(found.filter(({ problem }) => problem !== null).map(({ problem }) => problem)).toEqual([
    expect.stringContaining('no run.json'),
    expect.stringContaining('half/run.json'),
    expect.stringContaining('finite'),
  ]);
  const fast = found.find(({ name }) => name.endsWith('/fast'))!;
  expect(fast).toMatchObject({
    preset: 'demo',
    step: 4,
    ttr: Number(comparison[2]!['ttr']),
    originalTtr: Number(comparison[0]!['ttr']),
    loss: expect.any(Number),
  });
});

test('the table names them all, and what is wrong below it', async () => {
  const { code, stdout } = await cli('runs', runs);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^run +begun \(UTC\) +model +preset +steps +state +loss +held-out +TTR +rep-2 +overlap\n/);
  expect(stdout).toMatch(/wild: .*finite/);
  expect(stdout.split('\n\n')[0]!.split('\n')).toHaveLength(8);
});

test('conditions and sorting take columns and settings; a wrong name is refused with its neighbour', async () => {
  const names = async (...args: string[]): Promise<string[]> =>
    ((await list(runs, ...args))['runs'] as { name: string }[]).map(({ name }) => name.split('/runs/')[1]!);
  expect(await names('--where', 'state=done', '--where', 'learningRate<1e-4')).toEqual(['deep/slow']);
  expect(await names('--where', 'preset=demo', '--where', 'state!=interrupted', '--sort', '-name')).toEqual(['old', 'fast']);
  expect(await names('--where', 'model~TINY', '--sort', '-learningRate')).toHaveLength(5);
  expect(await names('--where', 'step>=1', '--where', 'step<4', '--where', 'state=done')).toEqual(['deep/slow']);
  const refused = await cli('runs', runs, '--where', 'trr>0.5');
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/expected a column or a setting for .*where.*, got trr.*did you mean.*ttr/),
  });
  expect(await cli('runs', runs, '--sort', '')).toMatchObject({ code: 2 });
  expect(await cli('runs', runs, '--where', 'quick')).toMatchObject({ code: 2, stderr: expect.stringContaining('such as ttr>0.6') });
  expect(await cli('runs', join(folder, 'nowhere'))).toMatchObject({ code: 2, stderr: expect.stringContaining('not there') });
});

test('--compare shows what differs, side by side; broken ones are left out with a word', async () => {
  const compared = await list('--compare', join(runs, 'fast'), join(runs, 'deep/slow'));
  const settings = compared['settings'] as { name: string; values: unknown[] }[];
  expect(settings.find(({ name }) => name === 'learningRate')!.values).toEqual([1e-3, 1e-5]);
  expect(settings.map(({ name }) => name)).not.toContain('out');
  expect(settings.map(({ name }) => name)).not.toContain('batchSize');
  expect((compared['figures'] as { name: string; values: unknown[] }[]).find(({ name }) => name === 'step')!.values).toEqual([4, 2]);
  const same = await cli('runs', '--compare', join(runs, 'fast'), join(runs, 'old'), join(runs, 'half'));
  expect(same).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('the 2 runs have the same'),
    stderr: expect.stringContaining('half is left out'),
  });
  expect(await cli('runs', '--compare', join(runs, 'fast'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('two runs or more'),
  });
});

test('--csv has every column and every setting; beside --json it is refused', async () => {
  const rows = csvOf((await cli('runs', runs, '--csv', '--sort', 'name')).stdout);
  expect(rows).toHaveLength(7);
  expect(rows[1]).toMatchObject({ state: 'done', 'config.learningRate': '0.001', 'config.betas': '[0.9,0.999]' });
  expect(rows[2]).toMatchObject({ state: 'broken', ttr: '' });
  const sides = csvOf((await cli('runs', '--compare', join(runs, 'fast'), join(runs, 'deep/slow'), '--csv')).stdout);
  expect(sides.find(({ name }) => name === 'learningRate')).toMatchObject({ kind: 'setting' });
  expect(await cli('runs', runs, '--csv', '--json')).toMatchObject({ code: 2, stdout: '' });
});

test('a run that works is running, and names its process; stopped by a signal it says so', async () => {
  const out = join(folder, 'long');
  const running = start([...TRAIN, '1e-4', '--max-steps', '1000000', '--comparison-contexts', '0', '--out', out]);
  await running.saying('step ');
  expect(listRuns([out])).toMatchObject([{ state: 'running' }]);
  expect(read(join(out, 'status.json'))).toMatchObject({ process: { pid: running.child.pid } });
  running.child.kill('SIGINT');
  await running.finished;
  expect(listRuns([out])).toMatchObject([{ state: 'stopped', problem: null }]);
  const steps = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"step",'))
    .map((line) => JSON.parse(line) as { step: number; totalSteps: number; secondsLeft: number });
  expect(steps.at(-1)).toMatchObject({ totalSteps: 1_000_000, secondsLeft: expect.any(Number) });
  expect(steps.at(-1)!.secondsLeft).toBeGreaterThan(0);
});
