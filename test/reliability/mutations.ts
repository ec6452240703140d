/** Bytes that readers trip over: signs of formats, ends of ranges. */
const WORDS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  ',',
  ':',
  '-1',
  '1e309',
  '0',
  '4294967296',
  '9007199254740993',
  'null',
  'true',
  '\0',
  '\ufeff',
  '../',
  'é',
  '__proto__',
].map((text) => Buffer.from(text));
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

/** Numbers below `most`, the same for a seed. Mulberry32. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(most: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most;
  }
}

type Mutation = (bytes: Buffer, dice: Dice, other: Buffer) => Buffer;

/** Somewhere, and more often near the start, where headers are. */
function placeIn(bytes: Buffer, dice: Dice): number {
  return dice.below(1 + dice.below(bytes.length + 1));
}

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, dice) {
    const at = Math.min(bytes.length - 1, placeIn(bytes, dice));
    if (at >= 0) bytes[at]! ^= 1 << dice.below(8);
    return bytes;
  },
  function setEdge(bytes, dice) {
    const at = placeIn(bytes, dice);
    bytes.subarray(at, at + [1, 2, 4, 8][dice.below(4)]!).fill(EDGES[dice.below(EDGES.length)]!);
    return bytes;
  },
  function insertWord(bytes, dice) {
    const at = placeIn(bytes, dice);
    return Buffer.concat([bytes.subarray(0, at), WORDS[dice.below(WORDS.length)]!, bytes.subarray(at)]);
  },
  function cutOff(bytes, dice) {
    return bytes.subarray(0, placeIn(bytes, dice));
  },
  function leaveOut(bytes, dice) {
    const at = placeIn(bytes, dice);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + dice.below(16))]);
  },
  function repeat(bytes, dice) {
    const at = placeIn(bytes, dice);
    const part = bytes.subarray(at, at + 1 + dice.below(64));
    return Buffer.concat([bytes.subarray(0, at), ...Array.from({ length: 1 + dice.below(8) }, () => part), bytes.subarray(at)]);
  },
  function changeNumber(bytes, dice) {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    const found = numbers[dice.below(Math.max(1, numbers.length))];
    if (found === undefined) return bytes;
    const value = ['0', '-1', '1', '2147483648', '1e9', '0.5', '99999999999999999999', '[]', 'null'][dice.below(9)]!;
    return Buffer.from(text.slice(0, found.index) + value + text.slice(found.index + found[0].length), 'latin1');
  },
  function splice(bytes, dice, other) {
    return Buffer.concat([bytes.subarray(0, placeIn(bytes, dice)), other.subarray(placeIn(other, dice))]);
  },
];

/** One of `corpus`, changed in one to four ways. */
export function mutate(corpus: readonly Buffer[], dice: Dice): Buffer {
  let bytes: Buffer = Buffer.from(corpus[dice.below(corpus.length)]!);
  for (let count = 1 + dice.below(4); count > 0; count -= 1)
    bytes = MUTATIONS[dice.below(MUTATIONS.length)]!(bytes, dice, corpus[dice.below(corpus.length)]!);
  return bytes;
}
