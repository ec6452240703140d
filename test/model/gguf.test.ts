import fc from 'fast-check';
import { gguf } from '@huggingface/gguf';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { MoreBytesNeeded } from '../../lib/model/gguf-cursor.ts';
import { parseGgufHeader, readGgufHeader } from '../../lib/model/gguf.ts';
import { GgufBytes } from './gguf-bytes.ts';

const FILES = join(__dirname, '..', 'fixtures', 'files');

function parse(file: Buffer) {
  return parseGgufHeader(file, file.length, 'model.gguf');
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe.each(['quantized', 'tiny-llama', 'tokenizer-llama', 'tokenizer-gpt-2'])('The header of %s.gguf', (name) => {
  test('agrees with @huggingface/gguf', async () => {
    const path = join(FILES, `${name}.gguf`);
    const ours = await readGgufHeader(path);
    const theirs = await gguf(path, { allowLocalFile: true });
    const { version, tensor_count: tensorCount, kv_count: count, ...metadata } = theirs.metadata as Record<string, unknown>;
    expect([ours.version, ours.tensors.length, ours.metadata.size]).toEqual([version, Number(tensorCount), Number(count)]);
    for (const [key, value] of ours.metadata) expect({ key, value: plain(value) }).toEqual({ key, value: plain(metadata[key]) });
    const dataStart = Number(theirs.tensorDataOffset);
    expect(ours.tensors.map(({ name: tensor, shape, offset }) => ({ tensor, shape, offset }))).toEqual(
      theirs.tensorInfos.map((info) => ({
        tensor: info.name,
        shape: info.shape.map(Number).toReversed(),
        offset: dataStart + Number(info.offset),
      })),
    );
  });
});

function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>, Number);
  return Array.isArray(value) ? value.map(plain) : typeof value === 'bigint' ? Number(value) : value;
}

test('Version 2 is read, and the alignment that a file states', () => {
  const file = new GgufBytes({ version: 2 })
    .metadata([['general.alignment', 4, (out) => out.u32(8)]])
    .tensor('x', [2], 0, 0)
    .pad(8)
    .data(8)
    .build();
  const { version, tensors } = parse(file);
  expect(version).toBe(2);
  expect(tensors).toEqual([{ path: 'model.gguf', name: 'x', type: 'F32', shape: [2], offset: file.length - 8, byteLength: 8 }]);
});

test('64-bit integers beyond 2^53 stay exact, nested arrays stay arrays', () => {
  const file = new GgufBytes()
    .metadata([
      ['big', 10, (out) => out.u64(2n ** 60n + 1n)],
      ['nested', 9, (out) => out.u32(9).u64(1n).u32(4).u64(2n).u32(7).u32(9)],
    ])
    .build();
  expect(parse(file).metadata.get('big')).toBe(2n ** 60n + 1n);
  expect(plain(parse(file).metadata.get('nested'))).toEqual([[7, 9]]);
});

describe('Refused with ERR_GGUF', () => {
  const huge = 2n ** 63n;
  const cases: [string, Buffer, RegExp][] = [
    ['an empty file', Buffer.alloc(0), /4 bytes of magic/],
    ['other letters', Buffer.from('GGML\x03\0\0\0'), /letters GGUF/],
    ['version 1', new GgufBytes({ version: 1 }).build(), /version 2 or 3/],
    ['big-endian files', new GgufBytes({ version: 0x03000000 }).build(), /little-endian/],
    ['more tensors than fit', new GgufBytes({ tensorCount: huge }).build(), /of tensors/],
    ['more metadata than fit', new GgufBytes({ metadataCount: huge }).build(), /of metadata entries/],
    ['a key longer than the file', new GgufBytes({ metadataCount: 1n }).u64(huge).data(20).build(), /of a metadata key/],
    ['an array longer than the file', new GgufBytes().metadata([['a', 9, (out) => out.u32(4).u64(huge)]]).build(), /of a at byte/],
    [
      'an array of more strings than fit',
      new GgufBytes()
        .metadata([['a', 9, (out) => out.u32(8).u64(5n)]])
        .data(32)
        .build(),
      /of a at byte/,
    ],
    ['arrays nested without end', new GgufBytes().metadata([['a', 9, nest(9)]]).build(), /nested/],
    ['an unknown value type', new GgufBytes().metadata([['a', 13, (out) => out.u32(1)]]).build(), /value type/],
    ['a boolean of 2', new GgufBytes().metadata([['a', 7, (out) => out.data(1, 2)]]).build(), /0 or 1 for a/],
    [
      'a key twice',
      new GgufBytes()
        .metadata([
          ['a', 4, (out) => out.u32(1)],
          ['a', 4, (out) => out.u32(1)],
        ])
        .build(),
      /"a" twice/,
    ],
    [
      'an alignment that is no power of two',
      new GgufBytes().metadata([['general.alignment', 4, (out) => out.u32(24)]]).build(),
      /power of two/,
    ],
    ['an alignment of zero', new GgufBytes().metadata([['general.alignment', 4, (out) => out.u32(0)]]).build(), /power of two/],
    ['five dimensions', new GgufBytes().tensor('x', [1, 1, 1, 1, 1], 0, 0).pad(32).data(4).build(), /at most 4 dimensions/],
    ['an unknown tensor type', new GgufBytes().tensor('x', [1], 99, 0).pad(32).data(4).build(), /GGML type/],
    ['a type that was removed', new GgufBytes().tensor('x', [32], 4, 0).pad(32).data(40).build(), /GGML type/],
    [
      'sizes whose product overflows',
      new GgufBytes()
        .tensor('x', [2 ** 32, 2 ** 32], 0, 0)
        .pad(32)
        .data(4)
        .build(),
      /fits a file/,
    ],
    ['rows of no whole blocks', new GgufBytes().tensor('x', [33], 8, 0).pad(32).data(68).build(), /blocks of 32/],
    ['an offset between the alignments', new GgufBytes().tensor('x', [1], 0, 4).pad(32).data(8).build(), /multiple of 32/],
    ['bytes beyond the file', new GgufBytes().tensor('x', [2], 0, 0).pad(32).data(7).build(), /8 bytes of x/],
    ['tensors that overlap', new GgufBytes().tensor('x', [16], 0, 0).tensor('y', [1], 0, 32).pad(32).data(64).build(), /overlap/],
    ['a tensor name twice', new GgufBytes().tensor('x', [1], 0, 0).tensor('x', [1], 0, 32).pad(32).data(64).build(), /"x" twice/],
  ];
  test.each(cases)('%s', (_, file, message) => {
    expect(thrownBy(() => parse(file))).toMatchObject({ code: 'ERR_GGUF', message: expect.stringMatching(message) });
  });

  function nest(depth: number): (out: GgufBytes) => unknown {
    return (out) =>
      Array.from({ length: depth })
        .reduce<GgufBytes>((bytes) => bytes.u32(9).u64(1n), out)
        .u32(4)
        .u64(0n);
  }
});

describe('A header of a plausible file is held against what a model can have, before memory is spent on it', () => {
  const gigabyte = 1 << 30;
  const refused = (file: Buffer) => thrownBy(() => parseGgufHeader(file, gigabyte, 'model.gguf'));

  test.each([
    ['bools', 7],
    ['strings', 8],
    ['arrays', 9],
    ['64-bit numbers', 10],
  ])('an array of fifty million %s', (_, type) => {
    const file = new GgufBytes().metadata([['a', 9, (out) => out.u32(type).u64(50_000_000n)]]).build();
    expect(refused(file)).toMatchObject({ code: 'ERR_GGUF', message: expect.stringMatching(/at most \d+ values in all arrays.*with a/) });
  });

  test('many arrays that are too much together', () => {
    const bools = (out: GgufBytes) => out.u32(7).u64(3_000_000n).data(3_000_000);
    const file = new GgufBytes()
      .metadata([
        ['a', 9, bools],
        ['b', 9, bools],
      ])
      .build();
    expect(refused(file)).toMatchObject({ code: 'ERR_GGUF', message: expect.stringMatching(/with b/) });
  });

  test('ten million tensors, and as many metadata', () => {
    expect(refused(new GgufBytes({ tensorCount: 10_000_000n }).build())).toMatchObject({
      code: 'ERR_GGUF',
      message: expect.stringMatching(/at most 100000 tensors/),
    });
    expect(refused(new GgufBytes({ metadataCount: 10_000_000n }).build())).toMatchObject({
      code: 'ERR_GGUF',
      message: expect.stringMatching(/at most 100000 metadata/),
    });
  });
});

describe('A changed header', () => {
  test.each(['tiny-llama', 'tokenizer-qwen2'])('of %s.gguf is read or refused, whatever the bytes', (name) => {
    const file = readFileSync(join(FILES, `${name}.gguf`));
    const change = fc.record({ at: fc.nat(Math.min(file.length, 2500) - 1), byte: fc.constantFrom(0, 1, 7, 8, 9, 127, 128, 255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(file);
        for (const { at, byte } of changes) bytes[at] = byte;
        const error = thrownBy(() => parse(bytes));
        expect([undefined, 'ERR_GGUF']).toContain(error === undefined ? undefined : (errorCodeOf(error) ?? error));
      }),
      { numRuns: 400 },
    );
  });

  test('cut anywhere is refused', () => {
    const file = readFileSync(join(FILES, 'tiny-llama.gguf'));
    fc.assert(
      fc.property(fc.nat(file.length - 33), (length) =>
        expect(thrownBy(() => parse(file.subarray(0, length)))).toMatchObject({ code: 'ERR_GGUF' }),
      ),
    );
  });

  test('of which only the beginning was read asks for more', () => {
    const file = readFileSync(join(FILES, 'tiny-llama.gguf'));
    expect(thrownBy(() => parseGgufHeader(file.subarray(0, 500), file.length, 'model.gguf'))).toBeInstanceOf(MoreBytesNeeded);
  });
});
