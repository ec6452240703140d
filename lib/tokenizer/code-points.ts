/** Code points as runs [first, last], ascending, that neither touch nor overlap. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

const LAST = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

export const ALL_POINTS: CodePoints = [[0, LAST]];

export function points(...runs: (readonly [number, number])[]): CodePoints {
  return unite([runs.toSorted((a, b) => a[0] - b[0])]);
}

export function unite(sets: readonly CodePoints[]): CodePoints {
  const united: [number, number][] = [];
  for (const [first, last] of sets.flat().sort((a, b) => a[0] - b[0])) {
    const end = united.at(-1);
    if (end !== undefined && first <= end[1] + 1) end[1] = Math.max(end[1], last);
    else united.push([first, last]);
  }
  return united;
}

export function complement(set: CodePoints): CodePoints {
  const rest: [number, number][] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) rest.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST) rest.push([next, LAST]);
  return rest;
}

export function intersect(a: CodePoints, b: CodePoints): CodePoints {
  return complement(unite([complement(a), complement(b)]));
}

export function countPoints(set: CodePoints): number {
  return set.reduce((count, [first, last]) => count + last + 1 - first, 0);
}

let everyCharacter: string | undefined;
const known = new Map<string, CodePoints>();

/** The code points of a Unicode property, as `\p{...}` of JavaScript has it; undefined for one that it does not know. */
export function pointsOfProperty(property: string): CodePoints | undefined {
  const found = known.get(property) ?? findProperty(property);
  if (found !== undefined) known.set(property, found);
  return found;
}

function findProperty(property: string): CodePoints | undefined {
  if (!/^\w{1,40}$/.test(property)) return undefined;
  for (const name of [property, `Script=${property}`]) {
    try {
      const expression = `\\p{${name}}`;
      return unite([
        pointsMatching(new RegExp(`${expression}+`, 'gu')),
        ...EMPTY_PLANES.filter(([first]) => new RegExp(expression, 'u').test(String.fromCodePoint(first))).map((plane) => [plane]),
      ]);
    } catch {
      // Not by this name.
    }
  }
  return undefined;
}

function pointsMatching(runs: RegExp): CodePoints {
  everyCharacter ??= listCharacters();
  const found: [number, number][] = [];
  for (const { index, 0: run } of everyCharacter.matchAll(runs)) found.push([everyCharacter.codePointAt(index)!, lastPoint(run)]);
  return found;
}

function lastPoint(text: string): number {
  const unit = text.charCodeAt(text.length - 1);
  return unit >= FIRST_SURROGATE && unit <= LAST_SURROGATE ? text.codePointAt(text.length - 2)! : unit;
}

/** Behind it stand planes of nothing, but for tags and private use; what is true of their first is true of all. */
const END_OF_CHARACTERS = 0x40000;
const TAGS = [0xe0000, 0xe1000] as const;
const EMPTY_PLANES = [
  [END_OF_CHARACTERS, TAGS[0] - 1],
  [TAGS[1], 0xeffff],
  [0xf0000, LAST],
] as const;

/** Every character but surrogates and those of the empty planes. */
function listCharacters(): string {
  const units: number[] = [];
  const add = (from: number, to: number) => {
    for (let point = from; point < to; point += 1) units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
  };
  for (let unit = 0; unit < 0x10000; unit += 1) if (unit < FIRST_SURROGATE || unit > LAST_SURROGATE) units.push(unit);
  add(0x10000, END_OF_CHARACTERS);
  add(...TAGS);
  return Buffer.from(Uint16Array.from(units).buffer).toString('utf16le');
}
