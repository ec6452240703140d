import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import type { StoredForm } from '../../lib/addon-types.ts';
import { readGgufHeader } from '../../lib/model/gguf.ts';
import type { GgufTensor } from '../../lib/model/gguf.ts';

const PATH = join(__dirname, '..', 'fixtures', 'files', 'quantize.gguf');
const TYPES = ['F16', 'BF16', 'Q8_0', 'Q4_0', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K'];
const PLAIN: StoredForm = { type: 'F32', ropeHeads: 0, add: 0, scale: 1, transposed: false };
let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-quantize-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fixture(name: string): Promise<{ tensor: GgufTensor; bytes: Buffer }> {
  const { tensors } = await readGgufHeader(PATH);
  const tensor = tensors.find((each) => each.name === name)!;
  return { tensor, bytes: readFileSync(PATH).subarray(tensor.offset, tensor.offset + tensor.byteLength) };
}

interface Given {
  values: Float32Array;
  shape: number[];
}

/** What is written of rows `begin` to `end`. */
async function stored(
  { values, shape }: Given,
  form: Partial<StoredForm>,
  begin = 0,
  end = shape.length < 2 ? 1 : form.transposed ? shape[1]! : shape[0]!,
): Promise<Buffer> {
  const path = join(folder, `${(count += 1)}`);
  await writeFile(path, '');
  const handle = addon().tensorFrom(values, shape, 6, 'cpu');
  try {
    await addon().tensorWriteRows(path, 0, 'x', handle, { ...PLAIN, ...form }, begin, end);
  } finally {
    addon().tensorDispose(handle);
  }
  return readFileSync(path);
}

const floats = (bytes: Buffer): number[] => Array.from(new Float32Array(Uint8Array.from(bytes).buffer));

describe("Blocks are those of the Python package gguf, and of llama.cpp's library for Q4_K, Q5_K and Q6_K", () => {
  test.each(TYPES)('%s', async (type) => {
    const { tensor, bytes } = await fixture('values');
    const values = new Float32Array(Uint8Array.from(bytes).buffer);
    const expected = await fixture(type);
    expect(expected.tensor.type).toBe(type);
    const written = await stored({ values, shape: tensor.shape }, { type });
    expect(written.length).toBe(expected.bytes.length);
    const rowBytes = written.length / tensor.shape[0]!;
    const differing = Array.from({ length: tensor.shape[0]! }, (_, row) => row).filter(
      (row) =>
        !written.subarray(row * rowBytes, (row + 1) * rowBytes).equals(expected.bytes.subarray(row * rowBytes, (row + 1) * rowBytes)),
    );
    expect(differing).toEqual([]);
  });
});

describe('What is stored of a tensor', () => {
  const matrix = { values: Float32Array.from({ length: 24 }, (_, index) => index), shape: [8, 3] };

  test('its rows in order, also when written in parts', async () => {
    expect(floats(await stored(matrix, {}))).toEqual(Array.from(matrix.values));
    expect(floats(await stored(matrix, {}, 2, 4))).toEqual([6, 7, 8, 9, 10, 11]);
  });

  test('rotary rows interleaved: the halves of each head take turns', async () => {
    const rows = floats(await stored(matrix, { ropeHeads: 2 }))
      .filter((_, index) => index % 3 === 0)
      .map((value) => value / 3);
    expect(rows).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    expect(floats(await stored(matrix, { ropeHeads: 2 }, 5, 7)).filter((_, index) => index % 3 === 0)).toEqual([18, 15]);
    expect(floats(await stored({ values: Float32Array.of(0, 1, 2, 3), shape: [4] }, { ropeHeads: 1 }))).toEqual([0, 2, 1, 3]);
  });

  test('turned over, and added to and scaled', async () => {
    expect(floats(await stored(matrix, { transposed: true }, 1, 2))).toEqual([1, 4, 7, 10, 13, 16, 19, 22]);
    expect(floats(await stored({ values: Float32Array.of(1, 2), shape: [2] }, { add: 1, scale: 0.5 }))).toEqual([1, 1.5]);
    expect(floats(await stored(matrix, {}))).toEqual(Array.from(matrix.values));
  });
});

describe('Writing is refused', () => {
  const wide = (value: number) => ({ values: new Float32Array(32).fill(value), shape: [1, 32] });
  test.each<[string, Given, Partial<StoredForm>, string, RegExp]>([
    ['numbers that are none', wide(Number.NaN), {}, 'ERR_NOT_FINITE', /finite weights for `x`/],
    ['numbers beyond a half', wide(70000), { type: 'F16' }, 'ERR_NOT_FINITE', /range of F16 for `x`.*BF16/],
    ['scales beyond a half', wide(1e9), { type: 'Q8_0' }, 'ERR_NOT_FINITE', /range of Q8_0/],
    ['rows of no whole blocks', wide(1), { type: 'Q4_K' }, 'ERR_SHAPE', /whole blocks of 256.*rows of 32/],
    ['a type that is none', wide(1), { type: 'Q9' }, 'ERR_CONFIG', /Q4_0.*got Q9/],
    [
      'heads that do not divide the rows',
      { values: new Float32Array(9), shape: [3, 3] },
      { ropeHeads: 2 },
      'ERR_SHAPE',
      /heads of an even size/,
    ],
  ])('%s', async (_, given, form, code, message) => {
    await expect(stored(given, form)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('rows outside the tensor, and a file that is not there', async () => {
    await expect(stored(wide(1), {}, 0, 2)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    const handle = addon().tensorFrom(Float32Array.of(1), [1, 1], 6, 'cpu');
    await expect(addon().tensorWriteRows(join(folder, 'none'), 0, 'x', handle, PLAIN, 0, 1)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/none.*No such file/),
    });
    addon().tensorDispose(handle);
  });
});
