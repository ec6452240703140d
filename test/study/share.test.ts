import { existsSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(600_000);

const folder = freshFolder();
const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 30 }, () => 24)));
const COMMON = [
  '--model',
  TINY_MODEL,
  '--data',
  `noise=${data}`,
  '--samples',
  '16',
  '--batch-size',
  '4',
  '--learning-rate',
  '1e-3',
  '--epochs',
  '3',
  '--seeds',
  '0',
  '--contexts',
  '4',
  '--context-length',
  '8',
  '--new-tokens',
  '12',
];
const share = join(folder, 'share');

/** What became of each cell, by name. */
async function run(name: string, out: string, ...more: string[]): Promise<Record<string, string>> {
  const { code, stderr } = await cli('study', name, ...COMMON, '--out', join(folder, out), ...more);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  return Object.fromEntries(
    [...stderr.matchAll(/^cell \d+\/\d+ (\S+): done (before by a study that shares|before|in)/gm)].map(([, cell, how]) => [cell!, how!]),
  );
}

const findings = (out: string): StudyFile['findings'] =>
  (JSON.parse(readFileSync(join(folder, out, 'study.json'), 'utf8')) as StudyFile).findings;
const SHARED = 'before by a study that shares';

test('a training that measured more serves studies that ask for less, with the findings of a run alone', async () => {
  expect(await run('curve', 'curve', '--share', share)).toEqual({ 'train-s0': 'in' });
  expect(await run('sharpness', 'sharpness', '--share', share)).toEqual({
    'likelihood-original': 'in',
    'train-s0': SHARED,
    'likelihood-s0': 'in',
  });
  expect(await run('sharpness', 'alone')).toEqual({ 'likelihood-original': 'in', 'train-s0': 'in', 'likelihood-s0': 'in' });
  expect(findings('sharpness')).toEqual(findings('alone'));
});

test('the weights of the lowest held-out loss are shared too, and cells go by what they do, not by their names', async () => {
  const first = await run('quality', 'quality', '--share', share);
  expect(first).toMatchObject({
    'train-s0': SHARED,
    'likelihood-original': SHARED,
    'likelihood-hyperfitted-s0': SHARED,
    'likelihood-early-stopped-s0': 'in',
    'text-hyperfitted-s0': 'in',
  });
  const diversity = await run('diversity', 'diversity', '--share', share);
  expect(diversity).toEqual({ 'text-original': SHARED, 'train-s0': SHARED, 'text-hyperfitted-s0': SHARED, 'text-blocked-s0': SHARED });
  await run('quality', 'quality-alone');
  expect(findings('quality')).toEqual(findings('quality-alone'));
});

test('what differs is done, and so is a repeat that is there to be compared', async () => {
  expect((await run('sharpness', 'faster', '--share', share, '--learning-rate', '2e-3'))['train-s0']).toBe('in');
  // Other contexts and other lengths of text leave a training as it is.
  expect(await run('length', 'length', '--share', share, '--contexts', '3', '--new-tokens', '16')).toEqual({
    'text-original': 'in',
    'train-s0': SHARED,
    'text-hyperfitted-s0': 'in',
    'text-blocked-s0': 'in',
  });
  expect(await run('order', 'order', '--share', share)).toMatchObject({
    'train-as-listed': 'in',
    'train-repeat': 'in',
    'train-swap-1': 'in',
    'train-shuffle-0': SHARED,
  });
});

test('a share that cannot be written is refused before anything is computed', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const { code, stderr } = await cli('study', 'sharpness', ...COMMON, '--out', join(folder, 'refused'), '--share', file);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/ERR_CONFIG.*`--share`, got .*file/) });
});

test('links stand while a study needs them; a folder that is gone is made again', async () => {
  const end = join(folder, 'kept', 'cells', 'train-s0', 'end');
  await run('sharpness', 'kept', '--share', share, '--keep-models');
  expect(lstatSync(end).isSymbolicLink()).toBe(true);
  expect(existsSync(join(folder, 'sharpness', 'cells', 'train-s0'))).toBe(false);
  rmSync(share, { recursive: true });
  expect((await run('length', 'length-again', '--share', share))['train-s0']).toBe('in');
});
