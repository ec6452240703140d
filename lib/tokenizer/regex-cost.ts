import type { CodePoints } from './code-points.ts';
import { findPositions } from './regex-positions.ts';
import type { Position } from './regex-positions.ts';
import { NotUnderstood } from './regex-reader.ts';
import { parseRegex } from './regex-tree.ts';

const MOST_WAYS = 20_000;
/** Of ways that an expression can be in the midst of. No model's comes near. */
const MOST_STEPS = 1_000_000;

/**
 * How many steps back a search by `pattern` takes at most for each character from where it begins, whatever the text. Infinity where that
 * grows with the text: Oniguruma ends the process at ten million of them for one place.
 * All that can be under way after any beginning of a text is followed: places in the expression, each with the number of ways there. The
 * numbers stay small for expressions that real tokenizers have; where they grow, some text makes them grow for ever, or as good as.
 * @throws NotUnderstood
 */
export function costOfRegex(pattern: string, most: number): number {
  const { first, positions } = findPositions(parseRegex(pattern));
  const letters = findLetters(positions);
  const start = positions.push({ set: [], next: first, isFinal: false }) - 1;
  const seen = new Set<string>();
  const open: Ways[] = [new Map([[start, 1]])];
  let [worst, steps] = [0, 0];
  for (let ways = open.pop(); ways !== undefined; ways = open.pop()) {
    for (const letter of letters) {
      const next = advance(ways, letter, positions);
      steps += next.size;
      worst = Math.max(worst, costOf(next, positions));
      if (worst > most || seen.size > MOST_WAYS || steps > MOST_STEPS) return Infinity;
      const key = keyOf(next);
      if (next.size === 0 || seen.has(key)) continue;
      seen.add(key);
      open.push(next);
    }
  }
  return worst;
}

/** Place in the expression -> ways that lead there by the characters taken so far. */
type Ways = ReadonlyMap<number, number>;

/** Characters that the expression does not tell apart: which positions take them. */
type Letter = ReadonlySet<number>;

function advance(ways: Ways, letter: Letter, positions: readonly Position[]): Ways {
  const next = new Map<number, number>();
  for (const [from, count] of ways) {
    for (const to of positions[from]!.next) {
      if (!letter.has(to)) continue;
      // Once there, the search never steps back before it, so that other ways to it are not tried.
      next.set(to, positions[to]!.isFinal ? 1 : (next.get(to) ?? 0) + count);
    }
  }
  return next;
}

/** Each way is left again when all that may follow there has failed. */
function costOf(ways: Ways, positions: readonly Position[]): number {
  let cost = 0;
  for (const [at, count] of ways) cost += count * Math.max(1, positions[at]!.next.length);
  return cost;
}

function keyOf(ways: Ways): string {
  return [...ways].sort(([a], [b]) => a - b).join(' ');
}

const MOST_EDGES = 100_000;

function findLetters(positions: readonly Position[]): Letter[] {
  const bySet = new Map<string, { set: CodePoints; members: number[] }>();
  for (const [index, { set }] of positions.entries()) {
    const key = set.join(' ');
    const group = bySet.get(key);
    if (group === undefined) bySet.set(key, { set, members: [index] });
    else group.members.push(index);
  }
  const groups = [...bySet.values()];
  const edges = groups
    .flatMap(({ set }, group) =>
      set.flatMap(([first, last]) => [
        { point: first, group },
        { point: last + 1, group },
      ]),
    )
    .sort((a, b) => a.point - b.point);
  if (edges.length > MOST_EDGES) throw new NotUnderstood('too many classes of characters');
  return lettersBetween(edges).map((active) => new Set(active.flatMap((group) => groups[group]!.members)));
}

/** Which groups hold the characters between any two edges. */
function lettersBetween(edges: readonly { point: number; group: number }[]): number[][] {
  const active = new Set<number>();
  const letters = new Map<string, number[]>();
  for (const [index, { point, group }] of edges.entries()) {
    if (!active.delete(group)) active.add(group);
    if (edges[index + 1]?.point === point) continue;
    const sorted = [...active].sort((a, b) => a - b);
    letters.set(sorted.join(' '), sorted);
  }
  return [...letters.values()];
}
