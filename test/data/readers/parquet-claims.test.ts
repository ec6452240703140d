import { makeFolder, readTexts, refused } from './folder.ts';
import { closed, counted, dataPage, dictionary, growing, parquetFile, plain, run, secondPage, varint } from './parquet-file.ts';

/** Parquet files that say of themselves more than they hold. Each is some bytes, and would be gigabytes, or hours. */

const { put } = makeFolder();
const MANY = 2 ** 29;
const oneBit = Buffer.of(1);
const words = dictionary(['once', 'twice']);

/** What reading takes beside what comes of it. */
async function spent(work: () => Promise<unknown>): Promise<{ seconds: number; megabytes: number }> {
  const peak = process.resourceUsage().maxRSS;
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, megabytes: (process.resourceUsage().maxRSS - peak) / 1024 };
}

test('values that are said once with how often are read, as many as their file may hold', async () => {
  const file = parquetFile({
    rows: 100_000,
    pages: [words, dataPage(100_000, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(60_000, 1), run(40_000, 0)]))],
  });
  const texts = await readTexts(put('many.parquet', file));
  expect(file.length).toBeLessThan(300);
  expect([texts.length, texts[0], texts[59_999], texts[60_000], texts.at(-1)]).toEqual([100_000, 'twice', 'twice', 'once', 'once']);
});

test.each([
  ['differences', () => secondPage(3, 'DELTA_BYTE_ARRAY', Buffer.concat([growing(3, 0, 1), growing(3, 2, 0), Buffer.from('ababab')]))],
  ['lengths', () => secondPage(3, 'DELTA_LENGTH_BYTE_ARRAY', Buffer.concat([growing(3, 2, 1), Buffer.from('abaabaaab')]))],
])('texts written as %s are read', async (_, page) => {
  const texts = await readTexts(put('differences.parquet', parquetFile({ rows: 3, pages: [page()] })));
  expect(texts.map((text) => text.length)).toEqual([2, 3, 4]);
});

test.each([
  [
    'a run of values',
    /a run of 536870912 values where 3 are left/,
    () => parquetFile({ rows: 3, pages: [words, dataPage(3, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(MANY, 1)]))] }),
  ],
  [
    'a run of values, second version',
    /a run of 536870912 values where 3 are left/,
    () => parquetFile({ rows: 3, pages: [words, secondPage(3, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(MANY, 1)]))] }),
  ],
  [
    'a run of levels',
    /a run of 536870912 values where 3 are left/,
    () => parquetFile({ rows: 3, repetition: 1, pages: [dataPage(3, 'PLAIN', Buffer.concat([counted(run(MANY, 1)), plain('x')]))] }),
  ],
  [
    'packed values of no bits',
    /a run of \d+ values where 3 are left/,
    () => parquetFile({ rows: 3, pages: [words, secondPage(3, 'RLE_DICTIONARY', Buffer.concat([Buffer.of(0), varint(2 ** 32 - 1)]))] }),
  ],
  [
    'values of a page',
    /claim to hold 536870914 values/,
    () => parquetFile({ rows: 3, pages: [words, dataPage(MANY, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(MANY, 1)]))] }),
  ],
  [
    'lists of a row',
    /claim to hold \d+ values/,
    () =>
      parquetFile({
        rows: 1,
        repetition: 2,
        pages: [
          words,
          ...Array.from({ length: 20 }, () =>
            dataPage(
              2 ** 17,
              'RLE_DICTIONARY',
              Buffer.concat([counted(run(2 ** 17, 1)), counted(run(2 ** 17, 1)), oneBit, run(2 ** 17, 1)]),
            ),
          ),
        ],
      }),
  ],
  [
    'plain values of a page',
    /a page of 5 bytes claims to hold 100000 values/,
    () => parquetFile({ rows: 3, pages: [dataPage(1e5, 'PLAIN', plain('x'))] }),
  ],
  [
    'values of a dictionary',
    /claim to hold 536870912 values/,
    () => parquetFile({ rows: 3, pages: [dictionary(['x'], MANY), dataPage(3, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(3, 0)]))] }),
  ],
  [
    'rows of the file',
    /claim to hold 536870912 rows/,
    () => parquetFile({ rows: MANY, pages: [words, dataPage(3, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(3, 1)]))] }),
  ],
  [
    'rows of a group',
    /a group of 1000 rows holds 3 of `text`/,
    () => parquetFile({ rows: 1000, pages: [words, dataPage(3, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(3, 1)]))] }),
  ],
  [
    'groups that share their pages',
    /claim to hold \d+ (values|rows)/,
    () =>
      parquetFile({
        rows: 100_000,
        groups: 100,
        pages: [words, dataPage(100_000, 'RLE_DICTIONARY', Buffer.concat([oneBit, run(100_000, 1)]))],
      }),
  ],
  [
    'texts that begin as the one before',
    /claim to hold \d+ once unpacked/,
    () =>
      parquetFile({
        rows: 60_000,
        pages: [
          secondPage(60_000, 'DELTA_BYTE_ARRAY', Buffer.concat([growing(60_000, 0, 1), growing(60_000, 1, 0), Buffer.alloc(60_000, 'x')])),
        ],
      }),
  ],
  [
    'a text that begins as more than the one before',
    /begins as more than the one before/,
    () =>
      parquetFile({
        rows: 2,
        pages: [secondPage(2, 'DELTA_BYTE_ARRAY', Buffer.concat([growing(2, 0, 2 ** 30), growing(2, 1, 0), Buffer.alloc(2, 'x')]))],
      }),
  ],
  [
    'differences in blocks of none',
    /blocks of 0 differences/,
    () =>
      parquetFile({
        rows: 3,
        pages: [secondPage(3, 'DELTA_LENGTH_BYTE_ARRAY', Buffer.concat([varint(0), varint(1), varint(3), Buffer.alloc(40)]))],
      }),
  ],
  [
    'decimals of any length',
    /holds decimals of any length/,
    () => parquetFile({ rows: 1, schema: [[6, 'i32', 5]], pages: [dataPage(1, 'PLAIN', plain('9'.repeat(300_000)))] }),
  ],
  [
    'statistics of a decimal',
    /300000 bytes of a column's statistics/,
    () =>
      parquetFile({
        rows: 1,
        schema: [[6, 'i32', 5]],
        more: [[12, 'struct', [[5, 'text', '9'.repeat(300_000)]]]],
        pages: [dataPage(1, 'PLAIN', plain('9'))],
      }),
  ],
  [
    'a list in its description',
    /a list of it claims 33000000 parts/,
    () => closed(Buffer.alloc(9), [[2, 'lists', Buffer.concat([Buffer.of(0xf9), varint(33e6)])]]),
  ],
  [
    'a number without an end',
    /a number in it has no end/,
    () => closed(Buffer.alloc(9), [[3, 'raw', Buffer.concat([Buffer.alloc(1e6, 0x80), Buffer.of(1)])]]),
  ],
])('%s is no more than the file can hold', async (_, problem, make) => {
  const path = put('claims.parquet', make());
  const { seconds, megabytes } = await spent(() => expect(readTexts(path)).rejects.toEqual(refused(problem)));
  expect(seconds).toBeLessThan(1);
  expect(megabytes).toBeLessThan(160);
});
