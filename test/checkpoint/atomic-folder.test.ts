import { mkdtempSync, readdirSync, readFileSync, writeFileSync, existsSync, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCodeOf, HyperfitError } from '../../lib/errors.ts';
import { replaceFile, writeFolder } from '../../lib/checkpoint/atomic-folder.ts';
import { findDamage, readManifest } from '../../lib/checkpoint/manifest.ts';

const fresh = (): string => mkdtempSync(join(tmpdir(), 'hyperfit-atomic-'));

async function rejection(promise: Promise<unknown>): Promise<{ code: string | undefined; message: string }> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { code: errorCodeOf(error), message: (error as Error | undefined)?.message ?? 'no refusal' };
}

test('a written folder holds its files and a manifest of their sizes and SHA-256', async () => {
  const folder = join(fresh(), 'step-000001');
  await writeFolder(folder, (partial) => writeFile(join(partial, 'a.txt'), 'abc'));
  expect(await readManifest(folder)).toEqual({
    schemaVersion: 1,
    files: { 'a.txt': { size: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' } },
  });
  expect(await findDamage(folder)).toEqual([]);
});

test('a failing write leaves the older folder and nothing else', async () => {
  const parent = fresh();
  const folder = join(parent, 'step-000001');
  await writeFolder(folder, (partial) => writeFile(join(partial, 'a.txt'), 'old'));
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const { code, message } = await rejection(
    writeFolder(folder, async (partial) => {
      await writeFile(join(partial, 'a.txt'), 'ne');
      throw full;
    }),
  );
  expect(code).toBe('ERR_CHECKPOINT');
  expect(message).toContain('free some space');
  expect(readdirSync(parent)).toEqual(['step-000001']);
  expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('old');
});

test('a full disk met by the tensor writer is ERR_CHECKPOINT too, other errors keep their code', async () => {
  const folder = join(fresh(), 'x');
  const fail = (error: Error) => rejection(writeFolder(folder, () => Promise.reject(error)));
  expect((await fail(new HyperfitError('ERR_SAFETENSORS', 'cannot write: No space left on device'))).code).toBe('ERR_CHECKPOINT');
  expect((await fail(new HyperfitError('ERR_DISPOSED', 'expected a live model'))).code).toBe('ERR_DISPOSED');
});

test('a new folder replaces an older one of the same name as a whole', async () => {
  const folder = join(fresh(), 'x');
  await writeFolder(folder, (partial) => writeFile(join(partial, 'old.txt'), '1'));
  await writeFolder(folder, (partial) => writeFile(join(partial, 'new.txt'), '2'));
  expect(readdirSync(folder).sort()).toEqual(['manifest.json', 'new.txt']);
});

test('leftovers of a dead save are cleared, not merged', async () => {
  const folder = join(fresh(), 'x');
  mkdirSync(`${folder}.partial`);
  writeFileSync(join(`${folder}.partial`, 'stale.bin'), 'stale');
  await writeFolder(folder, (partial) => writeFile(join(partial, 'a.txt'), 'a'));
  expect(readdirSync(folder).sort()).toEqual(['a.txt', 'manifest.json']);
});

test('a folder that cannot be made is ERR_CHECKPOINT with the reason', async () => {
  const file = join(fresh(), 'file');
  writeFileSync(file, '');
  const { code, message } = await rejection(writeFolder(join(file, 'step'), async () => {}));
  expect(code).toBe('ERR_CHECKPOINT');
  expect(message).toContain('ENOTDIR');
});

test('replacing a file leaves no temporary behind', async () => {
  const folder = fresh();
  await replaceFile(join(folder, 'run.json'), '{}');
  await replaceFile(join(folder, 'run.json'), '{"a":1}');
  expect(readdirSync(folder)).toEqual(['run.json']);
  expect(readFileSync(join(folder, 'run.json'), 'utf8')).toBe('{"a":1}');
  expect(existsSync(join(folder, 'run.json.partial'))).toBe(false);
});
