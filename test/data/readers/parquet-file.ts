/** Parquet files put together by hand, so that they can say what no writer would. */

/** The last two are written as they are, in the place of a number and of a list. */
type Kind = 'i32' | 'i64' | 'text' | 'list' | 'struct' | 'raw' | 'lists';
/** A field of Thrift's compact protocol: its number, its kind, and its value. */
export type Field = readonly [id: number, kind: Kind, value: unknown];

const KINDS: Readonly<Record<Kind, number>> = { i32: 5, i64: 6, text: 8, list: 9, struct: 12, raw: 6, lists: 9 };

/** Seven bits to a byte. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const zigzag = (value: number): Buffer => varint(value < 0 ? BigInt(value) * -2n - 1n : BigInt(value) * 2n);

function bytesOf(kind: Kind, value: unknown): Buffer {
  if (kind === 'i32' || kind === 'i64') return zigzag(value as number);
  if (kind === 'struct') return struct(value as Field[]);
  if (kind === 'raw' || kind === 'lists') return value as Buffer;
  if (kind === 'text') return Buffer.concat([varint(Buffer.byteLength(value as string)), Buffer.from(value as string)]);
  const [partKind, parts] = value as [Kind, unknown[]];
  return Buffer.concat([Buffer.from([0xf0 | KINDS[partKind]]), varint(parts.length), ...parts.map((part) => bytesOf(partKind, part))]);
}

export function struct(fields: readonly Field[]): Buffer {
  const parts = fields.flatMap(([id, kind, value]) => [Buffer.from([KINDS[kind]]), zigzag(id), bytesOf(kind, value)]);
  return Buffer.concat([...parts, Buffer.of(0)]);
}

const ENCODINGS = { PLAIN: 0, RLE: 3, RLE_DICTIONARY: 8, DELTA_BINARY_PACKED: 5, DELTA_LENGTH_BYTE_ARRAY: 6, DELTA_BYTE_ARRAY: 7 };
type Encoding = keyof typeof ENCODINGS;

/** Fields that are 1, 2, 3, ... */
const numbers = (...values: readonly number[]): Field[] => values.map((value, at) => [at + 1, 'i32', value]);
const page = (kind: number, body: Buffer, about: Field): Buffer =>
  Buffer.concat([struct([...numbers(kind, body.length, body.length), about]), body]);

/** Texts that pages name by number. */
export const dictionary = (texts: readonly string[], count = texts.length): Buffer =>
  page(2, Buffer.concat(texts.map(plain)), [7, 'struct', numbers(count, 0)]);
export const dataPage = (count: number, encoding: Encoding, body: Buffer): Buffer =>
  page(0, body, [5, 'struct', numbers(count, ENCODINGS[encoding], 3, 3)]);
/** Of the second version, without levels. */
export const secondPage = (count: number, encoding: Encoding, body: Buffer): Buffer =>
  page(3, body, [8, 'struct', numbers(count, 0, count, ENCODINGS[encoding], 0, 0)]);

export function plain(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}

/** A number said once with how often. */
export const run = (times: number, value: number): Buffer => Buffer.concat([varint(times * 2), Buffer.of(value)]);
/** Levels, or what else tells its length first. */
export function counted(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}
/** Numbers that grow by `step`: a first one and differences of no bits. */
export function growing(count: number, first: number, step: number): Buffer {
  const blocks = Array.from({ length: Math.ceil((count - 1) / 128) }, () => Buffer.concat([zigzag(step), Buffer.alloc(4)]));
  return Buffer.concat([varint(128), varint(4), varint(count), zigzag(first), ...blocks]);
}

export interface Written {
  rows: number;
  /** Pages of its one column, `text`. */
  pages: readonly Buffer[];
  /** REQUIRED, OPTIONAL or REPEATED. */
  repetition?: 0 | 1 | 2;
  /** Fields of the column's description beyond the needed ones. */
  more?: readonly Field[];
  schema?: readonly Field[];
  groups?: number;
}

export function parquetFile({ rows, pages, repetition = 0, more = [], schema = [[6, 'i32', 0]], groups = 1 }: Written): Buffer {
  const data = Buffer.concat(pages);
  const sizes: Field[] = [
    [5, 'i64', rows],
    [6, 'i64', data.length],
    [7, 'i64', data.length],
    [9, 'i64', 4],
  ];
  const meta: Field[] = [[1, 'i32', 6], [2, 'list', ['i32', [0]]], [3, 'list', ['text', ['text']]], [4, 'i32', 0], ...sizes, ...more];
  const group: Field[] = [
    [
      1,
      'list',
      [
        'struct',
        [
          [
            [2, 'i64', 4],
            [3, 'struct', meta],
          ],
        ],
      ],
    ],
    [2, 'i64', data.length],
    [3, 'i64', rows],
  ];
  const elements: Field[][] = [
    [
      [4, 'text', 'schema'],
      [5, 'i32', 1],
    ],
    [[1, 'i32', 6], [3, 'i32', repetition], [4, 'text', 'text'], ...schema],
  ];
  const all = Array.from({ length: groups }, () => group);
  return closed(data, [
    [1, 'i32', 2],
    [2, 'list', ['struct', elements]],
    [3, 'i64', rows * groups],
    [4, 'list', ['struct', all]],
  ]);
}

/** The bytes of columns with their description behind them. */
export function closed(data: Buffer, description: readonly Field[]): Buffer {
  const footer = struct(description);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), data, footer, length, Buffer.from('PAR1')]);
}
