import type { CodePoints } from './code-points.ts';
import { NotUnderstood } from './regex-reader.ts';
import type { RegexTree } from './regex-tree.ts';

/** One place of an expression where a character is taken. */
export interface Position {
  set: CodePoints;
  /** What may take the next character. A position that is reached in two ways stands there twice. */
  next: number[];
  /** Nothing can go wrong any more: once here, the expression has found its piece. */
  isFinal: boolean;
}

/** An expression as an automaton: every way that a search may take through it. */
export interface Positions {
  first: number[];
  positions: Position[];
}

const MOST_POSITIONS = 500;

/** Whether a part may be passed by without a character: surely, or if an assertion holds. */
type Empty = 'no' | 'maybe' | 'surely';

interface Fragment {
  first: number[];
  /** Where it may end, and whether nothing is asked behind. */
  last: Map<number, boolean>;
  empty: Empty;
}

/**
 * Glushkov's automaton.
 * @throws NotUnderstood for one of more than 500 positions, and for repetitions without bound of what may be empty
 */
export function findPositions(tree: RegexTree): Positions {
  const positions: Position[] = [];
  const { first, last } = build(tree, positions);
  for (const [at, isSure] of last) positions[at]!.isFinal = isSure;
  return { first, positions };
}

function build(tree: RegexTree, positions: Position[]): Fragment {
  switch (tree.kind) {
    case 'characters':
      return addPosition(tree.set, positions);
    case 'assertion':
      return { first: tree.part === undefined ? [] : build(tree.part, positions).first, last: new Map(), empty: 'maybe' };
    case 'choice':
      return tree.parts.map((part) => build(part, positions)).reduce(choose);
    case 'sequence':
      return tree.parts.reduce((before, part) => follow(before, build(part, positions), positions), NOTHING);
    case 'repeat':
      return repeat(tree, positions);
  }
}

const NOTHING: Fragment = { first: [], last: new Map(), empty: 'surely' };

function addPosition(set: CodePoints, positions: Position[]): Fragment {
  const at = positions.push({ set, next: [], isFinal: false }) - 1;
  if (at >= MOST_POSITIONS) throw new NotUnderstood(`more than ${MOST_POSITIONS} characters, repetitions written out`);
  return { first: [at], last: new Map([[at, true]]), empty: 'no' };
}

const RANK: Readonly<Record<Empty, number>> = { no: 0, maybe: 1, surely: 2 };

function choose(a: Fragment, b: Fragment): Fragment {
  const last = new Map(a.last);
  for (const [at, isSure] of b.last) last.set(at, isSure || last.get(at) === true);
  return { first: [...a.first, ...b.first], last, empty: RANK[a.empty] > RANK[b.empty] ? a.empty : b.empty };
}

function follow(a: Fragment, b: Fragment, positions: readonly Position[]): Fragment {
  for (const at of a.last.keys()) positions[at]!.next.push(...b.first);
  const last = new Map(b.last);
  if (b.empty !== 'no') for (const [at, isSure] of a.last) last.set(at, (isSure && b.empty === 'surely') || last.get(at) === true);
  const empty = RANK[a.empty] < RANK[b.empty] ? a.empty : b.empty;
  return { first: a.empty === 'no' ? a.first : [...a.first, ...b.first], last, empty };
}

function repeat({ part, least, most }: RegexTree & { kind: 'repeat' }, positions: Position[]): Fragment {
  let whole = NOTHING;
  for (let count = 0; count < Math.max(1, least); count += 1) {
    const once = build(part, positions);
    if (most === Infinity && count === Math.max(1, least) - 1) loop(once, positions);
    whole = follow(whole, once, positions);
  }
  if (least === 0) whole = choose(whole, NOTHING);
  if (most === Infinity || most <= Math.max(1, least)) return most === 0 ? NOTHING : whole;
  return follow(whole, optional(part, most - Math.max(1, least), positions), positions);
}

function loop({ first, last, empty }: Fragment, positions: readonly Position[]): void {
  if (empty !== 'no') throw new NotUnderstood('a repetition without bound of what may be empty');
  for (const at of last.keys()) positions[at]!.next.push(...first);
}

/** Once more, up to `count` times: each only behind the one before. */
function optional(part: RegexTree, count: number, positions: Position[]): Fragment {
  const all = Array.from({ length: count }, () => build(part, positions));
  return all.reduceRight<Fragment>((rest, once) => choose(follow(once, rest, positions), NOTHING), NOTHING);
}
