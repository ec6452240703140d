import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import {
  parseSafetensorsHeader,
  readSafetensorsHeader,
  readSafetensorsSources,
  renderSafetensorsHeader,
} from '../../lib/model/safetensors.ts';

/** A file with the given header text and number of data bytes; `length` overrides the length prefix. */
function makeFile(header: string | Uint8Array, dataBytes: number, length?: bigint): Buffer {
  const json = typeof header === 'string' ? Buffer.from(header) : Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]);
}

function parse(file: Buffer) {
  return parseSafetensorsHeader(file, file.length, 'model.safetensors');
}

function entry(dtype: unknown, shape: unknown, range: unknown): string {
  return JSON.stringify({ dtype, shape, data_offsets: range });
}

describe('A safetensors header', () => {
  test('gives tensors in the order of their bytes, and metadata', () => {
    const header = `{"b":${entry('F16', [3], [16, 22])},"__metadata__":{"format":"pt"},"a":${entry('F32', [2, 2], [0, 16])}}  `;
    const { tensors, metadata } = parse(makeFile(header, 22));
    const dataStart = 8 + header.length;
    expect(tensors).toEqual([
      { name: 'a', dtype: 'F32', shape: [2, 2], offset: dataStart, byteLength: 16 },
      { name: 'b', dtype: 'F16', shape: [3], offset: dataStart + 16, byteLength: 6 },
    ]);
    expect(metadata).toEqual({ format: 'pt' });
  });

  test.each([
    ['a scalar', entry('F64', [], [0, 8]), 8],
    ['a size of zero', entry('F32', [2, 0], [0, 0]), 0],
    ['four-bit numbers', entry('F4', [3, 2], [0, 3]), 3],
  ])('may hold %s', (_, json, bytes) => {
    expect(parse(makeFile(`{"x":${json}}`, bytes)).tensors).toHaveLength(1);
  });

  test('of a file written by the reference library is read', async () => {
    const path = join(__dirname, '..', 'fixtures', 'files', 'tiny-llama.safetensors');
    const sources = await readSafetensorsSources(path);
    expect(sources).toHaveLength(16);
    expect(sources.find(({ name }) => name === 'lm_head.weight')).toMatchObject({ path, type: 'F32', shape: [12, 16], byteLength: 768 });
  });
});

describe('Refused with ERR_SAFETENSORS', () => {
  const good = entry('F32', [2], [0, 8]);
  const huge = Number.MAX_SAFE_INTEGER;
  const cases: [string, Buffer, RegExp][] = [
    ['an empty file', Buffer.alloc(0), /at least 8 bytes/],
    ['seven bytes', Buffer.alloc(7), /at least 8 bytes/],
    ['a header over 100 MB', makeFile('{}', 0, 100_000_001n), /at most 100000000 bytes/],
    ['the largest length there is', makeFile('{}', 0, 2n ** 64n - 1n), /at most 100000000 bytes/],
    ['a header beyond the end of the file', makeFile('{}', 0, 3n), /a header of 3 bytes/],
    ['an empty header', makeFile('', 0), /starts with "\{"/],
    ['a header that starts with white space', makeFile(' {}', 0), /starts with "\{"/],
    ['a header that starts with a byte order mark', makeFile(Buffer.from('\ufeff{}'), 0), /starts with "\{"/],
    ['a header that is no UTF-8', makeFile(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 0), /UTF-8/],
    ['a header that is no JSON', makeFile('{"x":', 0), /JSON/],
    ['more than one document', makeFile('{}{}', 0), /JSON/],
    ['a header filled up with zeros', makeFile('{}\0\0', 0), /JSON/],
    ['a name twice', makeFile(`{"x":${good},"x":${good}}`, 8), /"x" twice/],
    ['a name twice in two spellings', makeFile(`{"x":${good},"\\u0078":${good}}`, 8), /"x" twice/],
    ['a field twice', makeFile('{"x":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8), /"dtype" twice/],
    ['metadata that are no strings', makeFile('{"__metadata__":{"a":1}}', 0), /strings in `__metadata__`/],
    ['an entry that is no object', makeFile('{"x":3}', 0), /an object for `x`/],
    ['an unknown field', makeFile('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"y":1}}', 8), /got "y"/],
    ['an unknown dtype', makeFile(`{"x":${entry('F128', [2], [0, 32])}}`, 32), /known dtype for `x`/],
    ['a dtype that is a property of every object', makeFile(`{"x":${entry('constructor', [2], [0, 8])}}`, 8), /known dtype/],
    ['no shape', makeFile(`{"x":${entry('F32', undefined, [0, 8])}}`, 8), /shape for `x`/],
    ['a negative size', makeFile(`{"x":${entry('F32', [-2], [0, 8])}}`, 8), /shape for `x`/],
    ['half a size', makeFile(`{"x":${entry('F32', [0.5], [0, 2])}}`, 2), /shape for `x`/],
    ['a size beyond 2^53', makeFile('{"x":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,8]}}', 8), /shape for `x`/],
    ['sizes whose product overflows', makeFile(`{"x":${entry('F32', [2 ** 40, 2 ** 40], [0, 8])}}`, 8), /fits a file/],
    ['sizes whose product overflows before a zero', makeFile(`{"x":${entry('F32', [huge, huge, 0], [0, 0])}}`, 0), /fits a file/],
    ['half a byte', makeFile(`{"x":${entry('F4', [3], [0, 1])}}`, 1), /whole bytes/],
    ['one offset', makeFile(`{"x":${entry('F32', [2], [0])}}`, 8), /data_offsets/],
    ['a negative offset', makeFile(`{"x":${entry('F32', [2], [-8, 0])}}`, 8), /data_offsets/],
    ['offsets the wrong way round', makeFile(`{"x":${entry('F32', [2], [8, 0])}}`, 8), /8 bytes for `x`/],
    ['a range that does not fit the shape', makeFile(`{"x":${entry('F32', [2], [0, 4])}}`, 4), /8 bytes for `x`/],
    ['data that do not start at zero', makeFile(`{"x":${entry('F32', [2], [4, 12])}}`, 12), /gap or an overlap/],
    ['a gap', makeFile(`{"x":${good},"y":${entry('F32', [2], [12, 20])}}`, 20), /gap or an overlap/],
    ['an overlap', makeFile(`{"x":${good},"y":${entry('F32', [2], [4, 12])}}`, 12), /gap or an overlap/],
    ['two tensors in one place', makeFile(`{"x":${good},"y":${good}}`, 8), /gap or an overlap/],
    ['bytes left over', makeFile(`{"x":${good}}`, 9), /bytes in all/],
    ['too few bytes', makeFile(`{"x":${good}}`, 7), /bytes in all/],
    ['data without tensors', makeFile('{}', 1), /bytes in all/],
  ];
  test.each(cases)('%s', (_, file, message) => {
    let thrown: unknown;
    try {
      parse(file);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_SAFETENSORS', message: expect.stringMatching(message) });
    expect((thrown as Error).message).toContain('model.safetensors');
  });

  test('any header with bytes changed, or it is read: nothing else is thrown', () => {
    const file = readFileSync(join(__dirname, '..', 'fixtures', 'files', 'tiny-llama.safetensors'));
    const headerBytes = 8 + Number(file.readBigUInt64LE(0));
    const change = fc.record({ at: fc.nat(headerBytes - 1), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(file.length), (changes, cut) => {
        const bytes = Buffer.from(file);
        for (const { at, byte } of changes) bytes[at] = byte;
        expect(codeOrRead(() => parse(bytes))).toBe(true);
        expect(codeOrRead(() => parse(bytes.subarray(0, cut)))).toBe(true);
      }),
    );
  });
});

function codeOrRead(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    return errorCodeOf(error) === 'ERR_SAFETENSORS';
  }
}

describe('A rendered header', () => {
  test('is read back, starts its data at a multiple of eight, and says what wrote it', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 });
    const names = fc.uniqueArray(
      fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(names, shape, (list, sizes) => {
        const header = renderSafetensorsHeader(list.map((name) => ({ name, shape: sizes })));
        const dataBytes = list.length * 4 * sizes.reduce((product, size) => product * size, 1);
        const { tensors, metadata } = parse(Buffer.concat([header, Buffer.alloc(dataBytes)]));
        expect(header.length % 8).toBe(0);
        expect(metadata).toEqual({ format: 'pt' });
        expect(tensors.map(({ name }) => name)).toEqual(sizes.includes(0) ? expect.arrayContaining(list) : list);
      }),
    );
  });

  test('takes no name twice', () => {
    const tensor = { name: 'x', shape: [1] };
    expect(() => renderSafetensorsHeader([tensor, tensor])).toThrow(/each name once/);
    expect(() => renderSafetensorsHeader([{ name: '__metadata__', shape: [1] }])).toThrow(/each name once/);
  });
});

describe('A file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hyperfit-safetensors-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('cut short is refused by its path', async () => {
    const path = join(folder, 'model.safetensors');
    await writeFile(path, makeFile(`{"x":${entry('F32', [2], [0, 8])}}`, 8).subarray(0, 30));
    await expect(readSafetensorsHeader(path)).rejects.toMatchObject({ code: 'ERR_SAFETENSORS', message: expect.stringContaining(path) });
  });
});
