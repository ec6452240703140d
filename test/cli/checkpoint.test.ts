import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointCheck } from '../../lib/checkpoint/check.ts';
import { hashFile } from '../../lib/checkpoint/manifest.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const parent = freshFolder();
const run = join(parent, 'run');
const data = writeIds(join(parent, 'train.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));

beforeAll(async () => {
  const { code, stderr } = await cli(
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--learning-rate',
    '1e-3',
    '--batch-size',
    '3',
    '--max-steps',
    '6',
    '--save-every-steps',
    '2',
    '--keep-last-checkpoints',
    '3',
    '--evaluate-every-steps',
    '3',
    '--comparison-contexts',
    '0',
    '--held-out',
    data,
    '--out',
    run,
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
}, 120_000);

/** A copy of the run, with one of its checkpoints damaged. */
function damaged(damage: (checkpoint: string) => void): string {
  const copy = join(freshFolder(), 'run');
  cpSync(run, copy, { recursive: true });
  damage(join(copy, 'checkpoints/step-000004'));
  return copy;
}

async function verify(path: string): Promise<{ code: number | null; checks: CheckpointCheck[] }> {
  const { code, stdout } = await cli('checkpoint', 'verify', path, '--json');
  return { code, checks: (JSON.parse(stdout) as { checkpoints: CheckpointCheck[] }).checkpoints };
}

/** Puts other bytes into a file, and its hash into the manifest, as somebody would who means no harm and knows no better. */
async function forge(checkpoint: string, name: string, change: (bytes: Buffer) => void): Promise<void> {
  const bytes = readFileSync(join(checkpoint, name));
  change(bytes);
  writeFileSync(join(checkpoint, name), bytes);
  const manifest = JSON.parse(readFileSync(join(checkpoint, 'manifest.json'), 'utf8')) as { files: Record<string, object> };
  manifest.files[name] = { size: bytes.length, sha256: await hashFile(join(checkpoint, name)) };
  writeFileSync(join(checkpoint, 'manifest.json'), JSON.stringify(manifest));
}

test('ls names them all, newest first, and what can be gone on from', async () => {
  const { stdout } = await cli('checkpoint', 'ls', run);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => [line.split(' ')[0], line.includes('a run can go on')]);
  expect(lines).toEqual([
    ['step-000006', true],
    ['step-000004', true],
    ['step-000002', true],
    ['best-by-loss', false],
  ]);
});

test('verify finds a whole run sound', async () => {
  const { code, checks } = await verify(run);
  expect(code).toBe(0);
  expect(checks.map(({ step, problems, isResumable }) => [step, problems, isResumable])).toEqual([
    [6, [], true],
    [4, [], true],
    [2, [], true],
    [null, [], false],
  ]);
});

test.each([
  [
    'a flipped byte',
    (at: string) => {
      const file = join(at, 'model.safetensors');
      const bytes = readFileSync(file);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(file, bytes);
    },
    /SHA-256 differs/,
  ],
  ['a file that is gone', (at: string) => rmSync(join(at, 'optimizer.safetensors')), /optimizer\.safetensors: missing/],
  ['no manifest', (at: string) => rmSync(join(at, 'manifest.json')), /the save never ended/],
  [
    'a manifest that names nothing',
    (at: string) => writeFileSync(join(at, 'manifest.json'), '{"schemaVersion":1,"files":{}}'),
    /expected a manifest of files/,
  ],
  [
    'a manifest without weights',
    (at: string) => {
      const path = join(at, 'manifest.json');
      const { files } = JSON.parse(readFileSync(path, 'utf8')) as { files: Record<string, object> };
      writeFileSync(path, JSON.stringify({ schemaVersion: 1, files: { 'config.json': files['config.json'] } }));
    },
    /names no weights/,
  ],
])('verify names %s, and ends with 1', async (_, damage, problem) => {
  const { code, checks } = await verify(damaged(damage));
  expect([code, checks[1]!.problems.join(), checks[1]!.isResumable]).toEqual([1, expect.stringMatching(problem), false]);
  expect(checks[0]!.problems).toEqual([]);
});

test.each([
  ['weights', 'model.safetensors', /NaN or infinity/],
  ['moments', 'optimizer.safetensors', /finite moments.*NaN or infinity in exp_avg/],
])('hashes are right and %s are not finite: verify sees it', async (_, name, problem) => {
  const copy = damaged(() => {});
  const checkpoint = join(copy, 'checkpoints/step-000004');
  await forge(checkpoint, name, (bytes) => bytes.writeFloatLE(Infinity, bytes.length - 4));
  const { code, checks } = await verify(checkpoint);
  expect([code, checks[0]!.problems.join()]).toEqual([1, expect.stringMatching(problem)]);
});

test('moments without a partner are seen', async () => {
  const copy = damaged(() => {});
  const checkpoint = join(copy, 'checkpoints/step-000004');
  await forge(checkpoint, 'optimizer.safetensors', (bytes) => bytes.write('exp_avg_xq', bytes.indexOf('exp_avg_sq')));
  expect((await verify(checkpoint)).checks[0]!.problems.join()).toMatch(/two moments of one shape/);
});

test('a folder without checkpoints is refused', async () => {
  expect(await cli('checkpoint', 'verify', freshFolder())).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ERR_CHECKPOINT.*expected checkpoints/),
  });
  expect(await cli('checkpoint', 'ls', join(parent, 'nowhere'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ERR_CHECKPOINT.*expected a run/),
  });
});

describe('verify-resume', () => {
  test('trains twice to the same bits, and to those of the run', async () => {
    const before = readdirSync(run, { recursive: true }).sort();
    const { code, stdout, stderr } = await cli('verify-resume', run, '--from', '2', '--steps', '2', '--json');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      isEqual: true,
      fromStep: 2,
      toStep: 4,
      differing: [],
      stored: { path: expect.stringContaining('step-000004'), differing: [] },
    });
    expect(readdirSync(run, { recursive: true }).sort()).toEqual(before);
  });

  test('says so where the run has something else', async () => {
    const copy = damaged(() => {});
    await forge(join(copy, 'checkpoints/step-000004'), 'model.safetensors', (bytes) => bytes.writeFloatLE(0.5, bytes.length - 4));
    const { code, stdout } = await cli('verify-resume', copy, '--from', '2', '--steps', '2');
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/twice: equal to the bit\nbeside .*step-000004: NOT equal: model\.safetensors/),
    ]);
  });

  test('a step that has no checkpoint is refused', async () => {
    expect(await cli('verify-resume', run, '--from', '5')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_CHECKPOINT.*step 5/),
    });
  });
});
