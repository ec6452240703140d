/**
 * All suffixes of `text` in order, by induced sorting (SA-IS): linear in time, whatever repeats.
 * Source: Nong, Zhang and Chan, Two Efficient Algorithms for Linear Time Suffix Array Construction, 2011.
 * `text` [n] holds symbols from 0 below `alphabet`; its last symbol must be 0 and stand nowhere else. Needs about 4.5 bytes a
 * symbol beside the text and the result.
 */
export function sortSuffixes(text: Int32Array, alphabet: number): Int32Array {
  const sorted = new Int32Array(text.length);
  if (text.length > 1) sortInto(sorted, text, alphabet);
  return sorted;
}

/**
 * A suffix is small when it is below the one after it, otherwise large; turns are small suffixes after a large one. At most every second
 * position is a turn, and the last one is. Where the turns are in order, those of all others follow from them in two passes.
 */
function sortInto(sorted: Int32Array, text: Int32Array, alphabet: number): void {
  const turns = findTurns(text);
  const starts = bucketStarts(text, alphabet);
  placeTurns(sorted, text, starts, turns);
  induce(sorted, text, starts);
  const count = gatherTurns(sorted, turns);
  sortTurns(sorted, text, turns, count);
  spreadTurns(sorted, text, starts, count);
  induce(sorted, text, starts);
}

/** One bit a position. */
class Turns {
  readonly #bits: Int32Array;

  constructor(length: number) {
    this.#bits = new Int32Array((length + 31) >>> 5);
  }

  add(position: number): void {
    this.#bits[position >>> 5]! |= 1 << (position & 31);
  }

  has(position: number): boolean {
    return ((this.#bits[position >>> 5]! >>> (position & 31)) & 1) === 1;
  }
}

function findTurns(text: Int32Array): Turns {
  const turns = new Turns(text.length);
  let small = true; // the last symbol is the least of all
  for (let at = text.length - 2; at >= 0; at -= 1) {
    const before: boolean = text[at]! < text[at + 1]! || (text[at] === text[at + 1] && small);
    if (small && !before) turns.add(at + 1);
    small = before;
  }
  return turns;
}

/** Where the suffixes that begin with each symbol start among all; [alphabet + 1]. */
export function bucketStarts(text: Int32Array, alphabet: number): Int32Array {
  const starts = new Int32Array(alphabet + 1);
  for (let at = 0; at < text.length; at += 1) starts[text[at]! + 1]! += 1;
  for (let symbol = 0; symbol < alphabet; symbol += 1) starts[symbol + 1]! += starts[symbol]!;
  return starts;
}

/** Turns at the ends of their buckets, in any order; -1 elsewhere. */
function placeTurns(sorted: Int32Array, text: Int32Array, starts: Int32Array, turns: Turns): void {
  const ends = starts.slice(1);
  sorted.fill(-1);
  for (let at = 1; at < text.length; at += 1) if (turns.has(at)) sorted[(ends[text[at]!]! -= 1)] = at;
}

/** From the turns the large suffixes, left to right; from those the small ones, right to left. */
function induce(sorted: Int32Array, text: Int32Array, starts: Int32Array): void {
  const heads = starts.slice(0, -1);
  for (let place = 0; place < sorted.length; place += 1) {
    const next = sorted[place]!;
    if (next <= 0) continue;
    const symbol = text[next - 1]!;
    if (symbol >= text[next]!) sorted[heads[symbol]!++] = next - 1;
  }
  const ends = starts.slice(1);
  for (let place = sorted.length - 1; place >= 0; place -= 1) {
    const next = sorted[place]!;
    if (next <= 0) continue;
    const symbol = text[next - 1]!;
    // Of two equal symbols the first is small where the second is: the small ones fill their bucket from its end.
    if (symbol < text[next]! || (symbol === text[next] && place >= ends[symbol]!)) sorted[(ends[symbol]! -= 1)] = next - 1;
  }
}

/** The turns to the front, in the order in which they stand; gives how many. */
function gatherTurns(sorted: Int32Array, turns: Turns): number {
  let count = 0;
  for (let place = 0; place < sorted.length; place += 1) if (turns.has(sorted[place]!)) sorted[count++] = sorted[place]!;
  return count;
}

/** Brings the first `count` of `sorted` from the order of the stretches between turns to the order of the suffixes. */
function sortTurns(sorted: Int32Array, text: Int32Array, turns: Turns, count: number): void {
  const names = nameStretches(sorted, text, turns, count);
  const reduced = sorted.subarray(sorted.length - count);
  let filled = count;
  for (let place = sorted.length - 1; place >= count; place -= 1) if (sorted[place] !== -1) reduced[(filled -= 1)] = sorted[place]!;
  const order = sorted.subarray(0, count);
  if (names < count) sortInto(order, reduced, names);
  else for (let at = 0; at < count; at += 1) order[reduced[at]!] = at;
  let turn = 0;
  for (let at = 1; at < text.length; at += 1) if (turns.has(at)) reduced[turn++] = at;
  for (let place = 0; place < count; place += 1) order[place] = reduced[order[place]!]!;
}

/** Numbers equal stretches alike, in order; the number of the one at p stands at count + p / 2, -1 between. Gives how many numbers. */
function nameStretches(sorted: Int32Array, text: Int32Array, turns: Turns, count: number): number {
  sorted.fill(-1, count);
  let names = 0;
  for (let place = 0; place < count; place += 1) {
    if (place > 0 && !sameStretch(text, turns, sorted[place - 1]!, sorted[place]!)) names += 1;
    sorted[count + (sorted[place]! >>> 1)] = names;
  }
  return names + 1;
}

/** Whether the symbols from two turns to the next ones are equal. The last symbol differs from all others, so neither runs out. */
function sameStretch(text: Int32Array, turns: Turns, left: number, right: number): boolean {
  for (let length = 0; ; length += 1) {
    if (text[left + length] !== text[right + length]) return false;
    if (length === 0) continue;
    const ends = turns.has(left + length);
    if (ends || turns.has(right + length)) return ends && turns.has(right + length);
  }
}

/** The turns, in order at the front, to the ends of their buckets. */
function spreadTurns(sorted: Int32Array, text: Int32Array, starts: Int32Array, count: number): void {
  const ends = starts.slice(1);
  sorted.fill(-1, count);
  for (let place = count - 1; place >= 0; place -= 1) {
    const position = sorted[place]!;
    sorted[place] = -1;
    sorted[(ends[text[position]!]! -= 1)] = position;
  }
}
