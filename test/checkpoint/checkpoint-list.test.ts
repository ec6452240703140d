import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { writeFolder } from '../../lib/checkpoint/atomic-folder.ts';
import {
  checkpointName,
  isComplete,
  listCheckpoints,
  newestCheckpoint,
  resolveModelPath,
  rotateCheckpoints,
} from '../../lib/checkpoint/checkpoint-list.ts';
import { requireDiskSpace } from '../../lib/checkpoint/disk-space.ts';

const fresh = (): string => mkdtempSync(join(tmpdir(), 'hyperfit-list-'));

async function addStep(folder: string, step: number): Promise<string> {
  const path = join(folder, checkpointName(step));
  await writeFolder(path, (partial) => writeFile(join(partial, 'model.safetensors'), `weights of step ${step}`));
  return path;
}

const steps = async (folder: string): Promise<number[]> => (await listCheckpoints(folder)).map(({ step }) => step);

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(() => 'no refusal', errorCodeOf);
}

test('checkpoints are listed newest first, whatever the width of the number', async () => {
  const folder = fresh();
  for (const step of [9, 1_000_000, 250]) await addStep(folder, step);
  expect(await steps(folder)).toEqual([1_000_000, 250, 9]);
});

describe('the newest complete checkpoint', () => {
  const damages: [string, (path: string) => void][] = [
    ['a truncated file', (path) => truncateSync(join(path, 'model.safetensors'), 3)],
    ['a missing file', (path) => rmSync(join(path, 'model.safetensors'))],
    ['a manifest that names no file', (path) => writeFileSync(join(path, 'manifest.json'), '{"schemaVersion":1,"files":{}}')],
    ['a changed byte', (path) => writeFileSync(join(path, 'model.safetensors'), 'weights of step 3')],
    ['a missing manifest', (path) => rmSync(join(path, 'manifest.json'))],
    ['an empty manifest', (path) => truncateSync(join(path, 'manifest.json'), 0)],
    [
      'a manifest that points elsewhere',
      (path) => writeFileSync(join(path, 'manifest.json'), '{"schemaVersion":1,"files":{"../x":{"size":1,"sha256":""}}}'),
    ],
  ];

  test.each(damages)('is found past one with %s, with a warning', async (_, damage) => {
    const folder = fresh();
    const good = await addStep(folder, 1);
    damage(await addStep(folder, 2));
    const warnings: string[] = [];
    expect((await newestCheckpoint(folder, (message) => warnings.push(message)))?.path).toBe(good);
    expect(warnings).toEqual([expect.stringContaining('step-000002')]);
  });

  test('is none in an empty or missing folder', async () => {
    expect(await newestCheckpoint(fresh())).toBeUndefined();
    expect(await newestCheckpoint('/nowhere/checkpoints')).toBeUndefined();
  });

  test('is the one set aside when a replacement died between its two renames', async () => {
    const folder = fresh();
    const path = await addStep(folder, 2);
    renameSync(path, `${path}.replaced`);
    expect((await newestCheckpoint(folder))?.path).toBe(`${path}.replaced`);
  });
});

describe('rotation', () => {
  test('keeps the newest complete ones', async () => {
    const folder = fresh();
    for (const step of [1, 2, 3]) await addStep(folder, step);
    await rotateCheckpoints(folder, await addStep(folder, 4), 2);
    expect(await steps(folder)).toEqual([4, 3]);
  });

  test('never deletes the one just saved, though a broken one has a higher step', async () => {
    const folder = fresh();
    truncateSync(join(await addStep(folder, 9), 'model.safetensors'), 0);
    const saved = await addStep(folder, 5);
    await rotateCheckpoints(folder, saved, 1);
    expect(await steps(folder)).toEqual([5]);
    expect(await isComplete(saved)).toBe(true);
  });

  test('counts only complete ones as kept', async () => {
    const folder = fresh();
    await addStep(folder, 1);
    rmSync(join(await addStep(folder, 2), 'manifest.json'));
    await rotateCheckpoints(folder, await addStep(folder, 3), 2);
    expect(await steps(folder)).toEqual([3, 1]);
  });
});

describe('a model path', () => {
  test('that is a run or a checkpoints folder stands for the newest complete checkpoint', async () => {
    const run = fresh();
    const path = await addStep(join(run, 'checkpoints'), 7);
    expect(await resolveModelPath(run)).toBe(path);
    expect(await resolveModelPath(join(run, 'checkpoints'))).toBe(path);
    expect(await resolveModelPath(path)).toBe(path);
  });

  test('that is anything else stands for itself', async () => {
    const folder = fresh();
    expect(await resolveModelPath(folder)).toBe(folder);
    expect(await resolveModelPath('/nowhere/model.gguf')).toBe('/nowhere/model.gguf');
  });

  test('with broken checkpoints only is refused', async () => {
    const run = fresh();
    const path = await addStep(join(run, 'checkpoints'), 7);
    truncateSync(join(path, 'model.safetensors'), 1);
    expect(await codeOf(resolveModelPath(run))).toBe('ERR_CHECKPOINT');
    expect(await codeOf(resolveModelPath(path))).toBe('ERR_CHECKPOINT');
    expect(readdirSync(path)).toContain('manifest.json');
    expect(readFileSync(join(path, 'model.safetensors'), 'utf8')).toHaveLength(1);
  });
});

test('a save that cannot fit is refused beforehand', async () => {
  await requireDiskSpace(tmpdir(), 1);
  expect(await codeOf(requireDiskSpace(tmpdir(), 1e18))).toBe('ERR_CHECKPOINT');
});
