import { Random } from '../data/random.ts';
import { HyperfitError } from '../errors.ts';

/** Of `signFlipTest`. */
export interface SignFlipOptions {
  /** Of the drawn flips. Default 0. */
  seed?: number;
  /** Flips that are drawn where there are too many to try all. Default 99,999. */
  flips?: number;
}

/** A paired test by flipping the signs of differences. */
export interface SignFlipTest {
  /** Two-sided probability of a mean as far from 0 when each difference could as well have had the other sign. */
  p: number;
  /** The least p that this many differences, or draws, can give. */
  floor: number;
  /** Whether all ways to flip were tried. */
  isExact: boolean;
  /** Whether p is no more than an upper bound: no drawn flip reached what was observed. Never of an exact test. */
  isBound: boolean;
}

/** Up to so many differences that are not 0, all flips are tried: 2^19, as a flip of all signs changes nothing. */
export const EXACT_SIGN_FLIPS = 20;

const FLIPS = 99_999;

/** How the test was made, for a table. */
export const SIGN_FLIP_SIGNATURE = `sign-flips|two-sided|statistic:mean|exact-up-to:${EXACT_SIGN_FLIPS}|else-drawn:${FLIPS}|p:(1+reached)/(1+drawn)`;

/**
 * Randomisation test of `differences`, one for each independent pair, such as a context: exact up to 20 of them, by seeded random flips
 * beyond. It cannot go below 2 / 2^n: .0078 for 8 pairs. Null without differences. Sources: Fisher 1935, section 21; (1 + reached) / (1 +
 * drawn): Phipson and Smyth 2010.
 * @throws HyperfitError ERR_DATA for one that is not finite, ERR_CONFIG for `flips`
 *
 * @example
 * const test = signFlipTest([0.4, 0.35, 0.46, 0.41]);
 * console.log(test?.p); // 0.125 = 2 / 2^4
 */
export function signFlipTest(differences: readonly number[], { seed = 0, flips = FLIPS }: SignFlipOptions = {}): SignFlipTest | null {
  const bad = differences.find((difference) => !Number.isFinite(difference));
  if (bad !== undefined)
    throw new HyperfitError('ERR_DATA', `expected finite numbers for \`differences\`, got ${bad}; leave such pairs out`);
  if (!Number.isInteger(flips) || flips < 1)
    throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for \`flips\`, got ${flips}; ${FLIPS} is the default`);
  if (differences.length === 0) return null;
  const moving = Float64Array.from(differences.filter((difference) => difference !== 0));
  return moving.length <= EXACT_SIGN_FLIPS ? tryAll(moving) : draw(moving, flips, seed);
}

/** Sums that differ by rounding alone count as equal. */
function limitOf(values: Float64Array): number {
  const observed = Math.abs(values.reduce((sum, value) => sum + value, 0));
  return observed - 1e-12 * values.reduce((sum, value) => sum + Math.abs(value), 0);
}

/** The first sign stays: with all signs turned round a sum is as far from 0. From flip to flip one sign changes (Gray code). */
function tryAll(values: Float64Array): SignFlipTest {
  const ways = 2 ** Math.max(0, values.length - 1);
  const limit = limitOf(values);
  const signed = Float64Array.from(values);
  let sum = values.reduce((total, value) => total + value, 0);
  let reached = 0;
  for (let way = 1; way <= ways; way += 1) {
    if (Math.abs(sum) >= limit) reached += 1;
    const place = values.length - 1 - trailingZeros(way);
    if (place < 1) continue;
    sum -= 2 * signed[place]!;
    signed[place] = -signed[place]!;
  }
  return { p: reached / ways, floor: 1 / ways, isExact: true, isBound: false };
}

const trailingZeros = (value: number): number => 31 - Math.clz32(value & -value);

function draw(values: Float64Array, flips: number, seed: number): SignFlipTest {
  const random = new Random(seed);
  const limit = limitOf(values);
  let reached = 0;
  for (let flip = 0; flip < flips; flip += 1) if (Math.abs(flippedSum(values, random)) >= limit) reached += 1;
  return { p: (1 + reached) / (1 + flips), floor: 1 / (1 + flips), isExact: false, isBound: reached === 0 };
}

function flippedSum(values: Float64Array, random: Random): number {
  let sum = 0;
  let bits = 0;
  for (let at = 0; at < values.length; at += 1) {
    if (at % 32 === 0) bits = random.nextUint32();
    sum += (bits & 1) === 1 ? values[at]! : -values[at]!;
    bits >>>= 1;
  }
  return sum;
}
