import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli, start } from '../cli/cli-process.ts';
import { freshFolder } from '../train/tiny.ts';
import { guardEnvironment } from './guard.ts';

// The whole command line in processes of their own, on a device that is not the current one.

const MODEL = join(__dirname, '../fixtures/models/tiny-text');
const env = guardEnvironment();

function textFile(): string {
  const path = join(freshFolder(), 'text.txt');
  writeFileSync(path, 'The whale swam on, and the boat followed it over the grey water until the evening came. '.repeat(20));
  return path;
}

test('train, its checkpoint, and generate from it', async () => {
  const out = join(freshFolder(), 'run');
  const data = textFile();
  const flags = [
    '--model',
    MODEL,
    '--data',
    data,
    '--out',
    out,
    '--max-steps',
    '2',
    '--sequence-length',
    '16',
    '--batch-size',
    '2',
    '--samples',
    '4',
  ];
  const trained = await start(['train', ...flags, '--device', 'guard:1'], { env }).finished;
  expect([trained.code, trained.stderr]).toEqual([0, expect.any(String)]);
  expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))).toMatchObject({ config: { device: 'guard:1' } });
  const generate = ['generate', '--model', out, '--prompt', 'The whale', '--max-new-tokens', '8', '--json'];
  const guarded = await start([...generate, '--device', 'guard:1'], { env }).finished;
  const onCpu = await cli(...generate);
  expect([guarded.code, guarded.stderr]).toEqual([0, expect.any(String)]);
  const ids = (stdout: string): unknown => JSON.parse(stdout).generations?.map(({ ids }: { ids: number[] }) => ids);
  expect(ids(onCpu.stdout)).toEqual([expect.arrayContaining([expect.any(Number)])]);
  expect(ids(guarded.stdout)).toEqual(ids(onCpu.stdout));
}, 120_000);

test('without the test module nobody knows the name', async () => {
  const { code, stderr } = await cli('generate', '--model', MODEL, '--prompt', 'x', '--device', 'guard');
  expect(code).toBe(2);
  expect(stderr).toContain('expected cpu, cuda or cuda:N.');
});
