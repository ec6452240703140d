import { HyperfitError } from '../errors.ts';

/** One comparison of two players: 1 the first won, 0 the second, 0.5 a tie. */
export interface Match {
  /** The first of the two. */
  first: string;
  /** The second of the two. */
  second: string;
  /** 1 where the first wins, 0 where the second does, 0.5 for a tie. */
  score: number;
}

/** Strengths by the model of Bradley and Terry (1952). */
export interface BradleyTerry {
  /** Players, strongest first; log-strengths sum to 0, and a beats b with probability 1 / (1 + exp(b - a)). */
  strengths: { name: string; logStrength: number; standardError: number | null }[];
  /** Until the strengths stood still. */
  iterations: number;
}

/** How strengths were fitted, for a table. */
export const BRADLEY_TERRY_SIGNATURE = 'bradley-terry|maximum-likelihood|ties:0.5|sum-of-logs:0';

const TOLERANCE = 1e-10;
const MAX_ITERATIONS = 200;

/**
 * Strengths that make the matches most likely, a tie being half a win for each; Newton's method on the concave log-likelihood. The estimate
 * is finite and unique just when no split of the players leaves one side without a point against the other. Source: Bradley and Terry 1952;
 * the condition Ford 1957.
 * @throws HyperfitError ERR_DATA that names such a split, for fewer than two players, and for matches that are not between two of them;
 *   ERR_NOT_FINITE when strengths do not settle
 *
 * @example
 * const wins = [1, 1, 1, 0].map((score) => ({ first: 'tuned', second: 'base', score }));
 * bradleyTerry(wins).strengths.map(({ name, logStrength }) => [name, logStrength]); // tuned 0.55, base -0.55: tuned wins three of four
 */
export function bradleyTerry(matches: readonly Match[]): BradleyTerry {
  matches.forEach(checkMatch);
  const names = [...new Set(matches.flatMap(({ first, second }) => [first, second]))];
  if (names.length < 2)
    throw new HyperfitError(
      'ERR_DATA',
      `expected matches between two players or more for \`matches\`, got ${names.length}; add comparisons`,
    );
  const wins = winTable(matches, names);
  checkConnected(wins, names);
  const { logs, iterations } = fit(wins);
  const strengths = names.map((name, index) => ({ name, logStrength: logs[index]! }));
  return { strengths: withErrors(strengths, wins, logs).sort((a, b) => b.logStrength - a.logStrength), iterations };
}

function checkMatch({ first, second, score }: Match): void {
  if (first !== second && score >= 0 && score <= 1) return;
  throw new HyperfitError(
    'ERR_DATA',
    `expected two players and a score from 0 to 1 in each of \`matches\`, got ${first} against ${second} with ${score}; correct it`,
  );
}

/** wins[i][j]: points of i against j. */
function winTable(matches: readonly Match[], names: readonly string[]): number[][] {
  const places = new Map(names.map((name, index) => [name, index]));
  const wins = names.map(() => names.map(() => 0));
  for (const { first, second, score } of matches) {
    const [i, j] = [places.get(first)!, places.get(second)!];
    wins[i]![j]! += score;
    wins[j]![i]! += 1 - score;
  }
  return wins;
}

function checkConnected(wins: readonly number[][], names: readonly string[]): void {
  for (const [direction, beats] of [
    ['ever lost or tied against', (i: number, j: number) => wins[j]![i]! > 0],
    ['ever won or tied against', (i: number, j: number) => wins[i]![j]! > 0],
  ] as const) {
    const reached = reachable(beats, names.length);
    if (reached.size === names.length) continue;
    const [inside, outside] = [names.filter((_, index) => reached.has(index)), names.filter((_, index) => !reached.has(index))];
    throw new HyperfitError(
      'ERR_DATA',
      `expected matches that leave no group unbeaten or apart, got ${inside.join(', ')}, of which none ${direction} ${outside.join(', ')}; strengths would be infinite: add comparisons`,
    );
  }
}

function reachable(leadsTo: (from: number, to: number) => boolean, count: number): Set<number> {
  const reached = new Set([0]);
  for (const from of reached) {
    for (let to = 0; to < count; to += 1) if (leadsTo(from, to)) reached.add(to);
  }
  return reached;
}

/** Each step solves for the whole vector and is halved while the likelihood would fall. */
function fit(wins: readonly number[][]): { logs: number[]; iterations: number } {
  let logs = wins.map(() => 0);
  for (let iterations = 1; iterations <= MAX_ITERATIONS; iterations += 1) {
    const step = solve(information(wins, logs), gradient(wins, logs));
    logs = centred(lineSearch(wins, logs, step));
    if (Math.max(...step.map(Math.abs)) < TOLERANCE) return { logs, iterations };
  }
  throw new HyperfitError(
    'ERR_NOT_FINITE',
    `expected strengths to settle within ${MAX_ITERATIONS} steps, got none; some player has next to no point: add comparisons`,
  );
}

function lineSearch(wins: readonly number[][], logs: readonly number[], step: readonly number[]): number[] {
  const start = logLikelihood(wins, logs);
  for (let scale = 1; ; scale /= 2) {
    const next = logs.map((log, index) => log + scale * step[index]!);
    if (scale < 1e-6 || logLikelihood(wins, next) >= start - 1e-12 * Math.abs(start)) return next;
  }
}

const chance = (a: number, b: number): number => 1 / (1 + Math.exp(b - a));
const logChance = (a: number, b: number): number => -Math.log1p(Math.exp(b - a));

function logLikelihood(wins: readonly number[][], logs: readonly number[]): number {
  let sum = 0;
  wins.forEach((row, i) => row.forEach((points, j) => (sum += points === 0 ? 0 : points * logChance(logs[i]!, logs[j]!))));
  return sum;
}

/** Points less expected points. */
function gradient(wins: readonly number[][], logs: readonly number[]): number[] {
  return wins.map((row, i) => row.reduce((sum, points, j) => sum + points - (points + wins[j]![i]!) * chance(logs[i]!, logs[j]!), 0));
}

/** Minus the second derivatives, plus a matrix of ones: strengths are free up to a constant, which this fixes at a sum of 0. */
function information(wins: readonly number[][], logs: readonly number[]): number[][] {
  const weight = (i: number, j: number): number => (wins[i]![j]! + wins[j]![i]!) * chance(logs[i]!, logs[j]!) * chance(logs[j]!, logs[i]!);
  return wins.map((row, i) =>
    row.map((_, j) => 1 + (i === j ? row.reduce((sum, __, k) => (k === i ? sum : sum + weight(i, k)), 0) : -weight(i, j))),
  );
}

/** Gaussian elimination; the matrix is positive definite, so that no pivot is missing. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, index) => [...row, right[index]!]);
  for (let pivot = 0; pivot < rows.length; pivot += 1) {
    for (let below = 0; below < rows.length; below += 1) {
      if (below === pivot) continue;
      const factor = rows[below]![pivot]! / rows[pivot]![pivot]!;
      rows[below] = rows[below]!.map((value, column) => value - factor * rows[pivot]![column]!);
    }
  }
  return rows.map((row, index) => row.at(-1)! / row[index]!);
}

function centred(logs: readonly number[]): number[] {
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  return logs.map((log) => log - mean);
}

/**
 * From the inverse information; matches are taken as independent. The ones added to the matrix add 1 / n^2 to its inverse, taken off again.
 */
function withErrors(
  strengths: readonly { name: string; logStrength: number }[],
  wins: readonly number[][],
  logs: readonly number[],
): BradleyTerry['strengths'] {
  const matrix = information(wins, logs);
  return strengths.map((strength, index) => {
    const unit = logs.map((_, place) => (place === index ? 1 : 0));
    const variance = solve(matrix, unit)[index]! - 1 / logs.length ** 2;
    return { ...strength, standardError: variance > 0 ? Math.sqrt(variance) : null };
  });
}
