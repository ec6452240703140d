import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon, loadAddon } from '../../lib/addon.ts';
import type { TensorHandle, TensorSource } from '../../lib/addon-types.ts';
import { addonFiles } from '../../lib/libtorch/series.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { readGgufHeader } from '../../lib/model/gguf.ts';
import { readSafetensorsHeader, readSafetensorsSources, renderSafetensorsHeader } from '../../lib/model/safetensors.ts';
import { DECODABLE_TYPES } from '../../lib/model/sources.ts';

const FILES = join(__dirname, '..', 'fixtures', 'files');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Elements as the bits of their float32, so that -0 differs from 0. */
function readBits(handle: TensorHandle): number[] {
  const { shape } = addon().tensorInfo(handle);
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  addon().tensorRead(handle, values);
  addon().tensorDispose(handle);
  return Array.from(new Uint32Array(values.buffer));
}

async function loadBits(source: TensorSource): Promise<number[]> {
  const [handle] = await addon().tensorsLoad([source], 'cpu');
  return readBits(handle as TensorHandle);
}

/** Name -> bits as they stand in a safetensors file of float32, read without the addon. */
async function readExpectedBits(path: string): Promise<Map<string, number[]>> {
  const bytes = readFileSync(path);
  const { tensors } = await readSafetensorsHeader(path);
  return new Map(
    tensors.map(({ name, offset, byteLength }) => [
      name,
      Array.from({ length: byteLength / 4 }, (_, index) => bytes.readUInt32LE(offset + 4 * index)),
    ]),
  );
}

/** Saves 256 KiB in a process whose files may have 64 KiB, which fails midway as a full disk does; gives the error. */
function saveUnderLimit(path: string): unknown {
  const { path: native, libtorch } = loadAddon();
  const script = `
    const [preloader, native, libFolder, path] = process.argv.slice(1);
    for (const name of ['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so']) require(preloader).open(libFolder + '/' + name);
    const addon = require(native);
    const tensor = addon.tensorFrom(new Float32Array(1 << 16), [1 << 16], 6, 'cpu');
    addon.tensorsSave(path, new Uint8Array(8), [tensor]).then(() => console.log('{}'), ({ code, message }) => console.log(JSON.stringify({ code, message })));`;
  const node = [process.execPath, '-e', script, addonFiles().preloader as string, native, libtorch.libFolder, path];
  const output = execFileSync('bash', ['-c', 'ulimit -f 64; exec "$@"', 'bash', ...node], { encoding: 'utf8' });
  return JSON.parse(output);
}

async function quantizedSource(type: string): Promise<TensorSource> {
  const path = join(FILES, 'quantized.gguf');
  const { tensors } = await readGgufHeader(path);
  const tensor = tensors.find(({ name }) => name === type);
  if (tensor === undefined) throw new Error(`the fixture has no tensor of type ${type}`);
  return { ...tensor, path };
}

describe('Every type is decoded to the very float32 of the Python package gguf', () => {
  test.each(DECODABLE_TYPES)('%s', async (type) => {
    const expected = (await readExpectedBits(join(FILES, 'quantized.safetensors'))).get(type) as number[];
    const source = await quantizedSource(type);
    expect(source.type).toBe(type);
    expect(expected.length).toBeGreaterThan(100);
    expect(await loadBits(source)).toEqual(expected);
  });
});

test('A llama GGUF gives the weights that Hugging Face has, rotary rows in their order', async () => {
  const expected = await readExpectedBits(join(FILES, 'tiny-llama.safetensors'));
  const { sources } = await openModelFiles(join(FILES, 'tiny-llama.gguf'));
  expect(sources).toHaveLength(expected.size);
  for (const source of sources)
    expect({ name: source.name, bits: await loadBits(source) }).toEqual({ name: source.name, bits: expected.get(source.name) });
});

test('Rows that stay interleaved would differ', async () => {
  const expected = await readExpectedBits(join(FILES, 'tiny-llama.safetensors'));
  const { sources } = await openModelFiles(join(FILES, 'tiny-llama.gguf'));
  const source = sources.find(({ name }) => name.endsWith('q_proj.weight')) as TensorSource;
  expect(await loadBits({ ...source, ropeHeads: 0 })).not.toEqual(expected.get(source.name));
});

describe('Saved tensors', () => {
  test('are loaded bit for bit, and in the order of the header', async () => {
    const path = join(folder, 'saved.safetensors');
    const a = addon().tensorFrom(Float32Array.of(1.5, -0, 3e-42, Infinity, NaN, -1), [2, 3], 6, 'cpu');
    const b = addon().tensorFrom(Float32Array.of(7), [], 6, 'cpu');
    const transposed = (addon().tensorCall('aten::t', [{ handle: a }], {}) as { handle: TensorHandle }).handle;
    await addon().tensorsSave(
      path,
      renderSafetensorsHeader([
        { name: 'z', shape: [2, 3] },
        { name: 'a', shape: [] },
        { name: 't', shape: [3, 2] },
      ]),
      [a, b, transposed],
    );
    const sources = await readSafetensorsSources(path);
    const bits = new Map<string, number[]>();
    for (const source of sources) bits.set(source.name, await loadBits(source));
    const original = Array.from(new Uint32Array(Float32Array.of(1.5, -0, 3e-42, Infinity, NaN, -1).buffer));
    expect(bits.get('z')).toEqual(original);
    expect(bits.get('a')).toEqual([0x40e00000]);
    expect(bits.get('t')).toEqual([0, 3, 1, 4, 2, 5].map((index) => original[index]));
    for (const handle of [a, b, transposed]) addon().tensorDispose(handle);
  });

  test('never replace a file', async () => {
    const path = join(folder, 'kept.safetensors');
    await writeFile(path, 'kept');
    await expect(addon().tensorsSave(path, new Uint8Array(8), [])).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining(path),
    });
    expect(readFileSync(path, 'utf8')).toBe('kept');
  });

  test('in a folder that is not there are refused with the reason', async () => {
    const path = join(folder, 'none', 'x.safetensors');
    await expect(addon().tensorsSave(path, new Uint8Array(8), [])).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/No such file.*choose another folder/),
    });
  });

  test('that no longer fit leave nothing behind and say so', () => {
    const path = join(folder, 'large.safetensors');
    const said = saveUnderLimit(path);
    expect(said).toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/large\.safetensors, got "File too large"; free disk space/),
    });
    expect(existsSync(path)).toBe(false);
  });
});

describe('Loading is refused', () => {
  const source: TensorSource = {
    name: 'x',
    path: join(FILES, 'tiny-llama.safetensors'),
    offset: 0,
    byteLength: 16,
    type: 'F32',
    shape: [4],
  };
  const cases: [string, Partial<TensorSource>, string, RegExp][] = [
    ['bytes beyond the file', { offset: 2 ** 40 }, 'ERR_MODEL_FILES', /inside the file for `x`/],
    ['bytes that end beyond the file', { offset: 11140 }, 'ERR_MODEL_FILES', /inside the file for `x`/],
    ['bytes that do not make the shape', { shape: [5] }, 'ERR_MODEL_FILES', /20 bytes of F32 for `x`, got 16/],
    ['a shape that overflows', { shape: [2 ** 40, 2 ** 40] }, 'ERR_MODEL_FILES', /for `x`/],
    ['rows of no whole blocks', { type: 'Q8_0', shape: [2, 16], byteLength: 34 }, 'ERR_MODEL_FILES', /whole blocks of 32/],
    ['a type that is not decoded', { type: 'IQ4_XS' }, 'ERR_UNSUPPORTED_MODEL', /Q4_K.*got IQ4_XS/],
    ['heads that do not divide the rows', { ropeHeads: 3 }, 'ERR_MODEL_FILES', /3 heads/],
    ['a file that is not there', { path: join(FILES, 'none') }, 'ERR_MODEL_FILES', /none.*No such file/],
    ['a folder', { path: FILES }, 'ERR_MODEL_FILES', /not a regular file/],
  ];
  test.each(cases)('%s', async (_, changes, code, message) => {
    await expect(addon().tensorsLoad([{ ...source, ...changes }], 'cpu')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['a negative offset', { offset: -1 }],
    ['no name', { name: undefined }],
    ['a shape of text', { shape: 'x' }],
  ])('of a source with %s, as a TypeError', (_, changes) => {
    expect(() => addon().tensorsLoad([{ ...source, ...changes } as unknown as TensorSource], 'cpu')).toThrow(/source\.(offset|name|shape)/);
  });

  test('on a device that is none', () => {
    expect(() => addon().tensorsLoad([source], 'gpu')).toThrow(expect.objectContaining({ code: 'ERR_DEVICE' }));
  });
});
