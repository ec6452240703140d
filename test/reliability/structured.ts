import { Dice, mutate } from './mutations.ts';

/**
 * Changes that keep a file's outer form, so that a reader gets past its first check: values of JSON, tags of XML, numbers of binary
 * headers.
 */

/** Makes a damaged file. */
export type Maker = (dice: Dice) => Buffer;

export const pick = <T>(list: readonly T[], dice: Dice): T => list[dice.below(list.length)]!;

const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

const VALUES: readonly unknown[] = [
  0,
  -1,
  1,
  0.5,
  -0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e9,
  1e308,
  -1e308,
  5e-324,
  null,
  true,
  false,
  '',
  'x',
  '0',
  '-1',
  'NaN',
  '__proto__',
  'constructor',
  '../../x',
  '/etc/passwd',
  'a\0b',
  '\ud800',
  '\u202e',
  '<script>',
  'é',
  'x'.repeat(20_000),
  '\n'.repeat(5000),
  ' '.repeat(20_000),
  [],
  {},
  [[]],
  [null],
  { __proto__: null, toString: 1 },
  { length: 1e9 },
  Array.from({ length: 3000 }, (_, at) => at),
  Array.from({ length: 300 }, () => ({})),
  nested(40),
  nested(600),
];

type Place = { holder: Record<string, unknown> | unknown[]; key: string | number };

function placesOf(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null || found.length > 4000) return found;
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    found.push({ holder: value as Record<string, unknown>, key });
    placesOf((value as Record<string | number, unknown>)[key], found);
  }
  return found;
}

const copyOf = (value: unknown): unknown => structuredClone(value);

function changeValue(document: unknown, dice: Dice): unknown {
  const places = placesOf(document);
  if (places.length === 0) return pick(VALUES, dice);
  const { holder, key } = pick(places, dice);
  const at = holder as Record<string | number, unknown>;
  const other = pick(places, dice);
  const value = copyOf((other.holder as Record<string | number, unknown>)[other.key]);
  const changes: readonly (() => void)[] = [
    () => (at[key] = copyOf(pick(VALUES, dice))),
    () => (at[key] = copyOf(pick(VALUES, dice))),
    () => (Array.isArray(holder) ? holder.splice(Number(key), 1) : Reflect.deleteProperty(holder, key)),
    () => (at[key] = value),
    () =>
      typeof at[key] === 'number'
        ? (at[key] = (at[key] as number) * pick([-1, 0, 2, 10, 1e3, 1e6, 0.5], dice))
        : (at[key] = [copyOf(at[key])]),
    () =>
      Array.isArray(holder)
        ? holder.push(...Array.from({ length: 1 + dice.below(2000) }, () => copyOf(holder.length > 20 ? null : at[key])))
        : (at[`${key}${pick(['', '_', '2', '__proto__'], dice)}`] = value),
    () => (typeof at[key] === 'string' ? (at[key] = (at[key] as string).repeat(1 + dice.below(400))) : (at[key] = JSON.stringify(at[key]))),
  ];
  pick(changes, dice)();
  return document;
}

/** One of `corpus`, a JSON text each, with one to four of its values changed; some are cut or twisted as text as well. */
export function changedJson(corpus: readonly string[]): Maker {
  return (dice) => {
    let document = JSON.parse(pick(corpus, dice)) as unknown;
    for (let count = 1 + dice.below(1 + dice.below(4)); count > 0; count -= 1) document = changeValue(document, dice);
    const bytes = Buffer.from(JSON.stringify(document) ?? 'null');
    if (dice.below(60) === 0) return deepened(bytes, dice);
    return dice.below(10) === 0 ? mutate([bytes], dice) : bytes;
  };
}

/** Brackets without end where a value begins. */
function deepened(bytes: Buffer, dice: Dice): Buffer {
  const at = bytes.indexOf(':') + 1;
  return Buffer.concat([
    bytes.subarray(0, at),
    Buffer.from(pick(['[', '{"a":', '[{"a":'], dice).repeat(1 << dice.below(16))),
    bytes.subarray(at),
  ]);
}

/** Lines of JSON, each changed by itself, or the whole as bytes. */
export function changedLines(lines: readonly string[]): Maker {
  const change = changedJson(lines);
  return (dice) => {
    const all = Array.from({ length: 1 + dice.below(4) }, () => (dice.below(3) === 0 ? Buffer.from(pick(lines, dice)) : change(dice)));
    const text = Buffer.concat(all.flatMap((line) => [line, Buffer.from(pick(['\n', '\n', '\r\n', '\r', '', '\n\n'], dice))]));
    return dice.below(8) === 0 ? mutate([text], dice) : text;
  };
}

const MARKUP = [
  '<a',
  '<a>',
  '</a>',
  '<p>',
  '</p>',
  '<',
  '>',
  '/>',
  '<!--',
  '-->',
  '<![CDATA[',
  ']]>',
  '<?x',
  '?>',
  '<!DOCTYPE x [<!ENTITY a "b">]>',
  '&a;',
  '&#0;',
  '&#x110000;',
  '&#xd800;',
  '&nbsp;',
  '<table><tr>',
  '<td>',
  '<ul><li>',
  '<ol>',
  '<sup><a href="#">',
  '<a epub:type="noteref">',
  '<script>',
  '<title/>',
  '<pre>',
  '"',
  "'",
  '=',
  ' ',
  '\0',
  '<w:p>',
  '<w:r>',
  '<w:t>',
  '</w:p>',
  '<w:tbl>',
  '<w:numId w:val="9999999999"/>',
  '<w:footnoteReference w:id="1"/>',
  '\u00a0',
  '\t',
  '\n',
];

/** A text of tags: parts inserted, left out, and repeated up to some thousand times. */
export function changeMarkup(text: string, dice: Dice): string {
  let changed = text;
  for (let count = 1 + dice.below(4); count > 0; count -= 1) {
    const tags = [...changed.matchAll(/<[^<>]*>/g)];
    const tag = tags.length === 0 ? undefined : pick(tags, dice);
    const [at, length] =
      tag === undefined || dice.below(4) === 0 ? [dice.below(changed.length + 1), dice.below(20)] : [tag.index, tag[0].length];
    const part = changed.slice(at, at + length);
    const times = [1, 2, 30, 1000, 5000][dice.below(5)]!;
    const put = pick(
      [
        pick(MARKUP, dice).repeat(times),
        part.repeat(Math.min(times, 2000)),
        '',
        part + pick(MARKUP, dice),
        part.replace(/\w+/, pick(['x', 'id', 'xmlns:w', '__proto__'], dice)),
      ],
      dice,
    );
    changed = (changed.slice(0, at) + put + changed.slice(at + length)).slice(0, 400_000);
  }
  return changed;
}

const EDGES = [
  0n,
  1n,
  2n,
  7n,
  8n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x1fffffffffffffn,
  0x20000000000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
];

/** One to four numbers of two, four or eight bytes set to ends of ranges, somewhere in the first `most` bytes. */
export function changeNumbers(bytes: Buffer, dice: Dice, most = bytes.length): Buffer {
  const changed = Buffer.from(bytes);
  for (let count = 1 + dice.below(4); count > 0; count -= 1) {
    const size = [2, 4, 8][dice.below(3)]!;
    const at = dice.below(Math.max(1, Math.min(most, changed.length) - size));
    if (at + size > changed.length) continue;
    const value = BigInt.asUintN(8 * size, pick(EDGES, dice) + BigInt(dice.below(3)) - 1n);
    for (let byte = 0; byte < size; byte += 1) changed[at + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
  }
  return changed;
}

/** Numbers changed, or bytes in any other way. */
export function changedBinary(corpus: readonly Buffer[], most?: number): Maker {
  return (dice) => (dice.below(2) === 0 ? changeNumbers(pick(corpus, dice), dice, most) : mutate(corpus, dice));
}

/** Texts of a grammar of their own: parts of one put into another, repeated, left out, or one of `words` put in. */
export function changedText(corpus: readonly string[], words: readonly string[], parts: RegExp): Maker {
  const pieces = corpus.map((text) => text.match(parts) ?? [text]);
  return (dice) => {
    const changed = [...pick(pieces, dice)];
    for (let count = 1 + dice.below(5); count > 0; count -= 1) {
      const at = dice.below(changed.length + 1);
      const other = pick(pieces, dice);
      const from = dice.below(other.length);
      const put = pick(
        [
          [pick(words, dice)],
          other.slice(from, from + 1 + dice.below(12)),
          [],
          Array.from({ length: 1 + dice.below(200) }, () => changed[at] ?? ' '),
        ],
        dice,
      );
      changed.splice(at, dice.below(3), ...put);
    }
    return Buffer.from(changed.join('').slice(0, 100_000));
  };
}
