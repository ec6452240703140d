import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGgufParts } from '../../lib/model/gguf-parts.ts';
import { GgufBytes } from './gguf-bytes.ts';

const UINT16 = 2;
const INT32 = 5;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-parts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const nameOf = (part: number, count = 3): string =>
  join(folder, `m-${String(part).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`);

interface Part {
  number: number;
  count?: number;
  tensor?: string;
  total?: number;
}

async function writePart(path: string, { number, count = 3, tensor = `t${number}`, total = 3 }: Part): Promise<void> {
  const short = (value: number) => (out: GgufBytes) => out.raw(Uint8Array.of(value & 255, value >> 8));
  const file = new GgufBytes().metadata([
    ['split.no', UINT16, short(number)],
    ['split.count', UINT16, short(count)],
    ['split.tensors.count', INT32, (out) => out.u32(total)],
  ]);
  await writeFile(path, file.tensor(tensor, [4], 0, 0).pad(32).data(16, number).build());
}

async function writeModel(changes: Record<number, Partial<Part>> = {}): Promise<void> {
  for (const number of [0, 1, 2]) await writePart(nameOf(number + 1), { number, ...changes[number] });
}

test('a split file is loaded from its first part, each tensor where it stands', async () => {
  await writeModel();
  const { tensors } = await readGgufParts(nameOf(1));
  expect(tensors.map(({ name, path }) => [name, path])).toEqual([
    ['t0', nameOf(1)],
    ['t1', nameOf(2)],
    ['t2', nameOf(3)],
  ]);
});

const code = 'ERR_MODEL_FILES';

test('a later part names the first', async () => {
  await writeModel();
  await expect(readGgufParts(nameOf(2))).rejects.toMatchObject({
    code,
    message: expect.stringMatching(/the first part.*got m-00002-of-00003\.gguf; give m-00001-of-00003\.gguf/),
  });
});

test('a missing part is named', async () => {
  await writeModel();
  await rm(nameOf(3));
  await expect(readGgufParts(nameOf(1))).rejects.toMatchObject({ code, message: expect.stringMatching(/expected m-00003-of-00003\.gguf/) });
});

test('another name than the published one is refused', async () => {
  await writeModel();
  await copyFile(nameOf(1), join(folder, 'model.gguf'));
  await expect(readGgufParts(join(folder, 'model.gguf'))).rejects.toMatchObject({
    code,
    message: expect.stringMatching(/NAME-00001-of-00003\.gguf.*got model\.gguf/),
  });
});

test.each<[string, Record<number, Partial<Part>>, RegExp]>([
  ['a part of another number', { 1: { number: 2 } }, /`split\.no` 1.*got 2/],
  ['a tensor twice', { 2: { tensor: 't1' } }, /each tensor in one part.*"t1" again in m-00003/],
  ['too few tensors', { 0: { total: 4 } }, /expected 4 tensors.*got 3/],
])('%s is refused', async (_, changes, message) => {
  await writeModel(changes);
  await expect(readGgufParts(nameOf(1))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});
