import { HyperfitError } from '../errors.ts';

/** The whole state of a `Random`: four unsigned 32-bit words, plain JSON. */
export type RandomState = readonly [number, number, number, number];

const GOLDEN_GAMMA = 0x9e3779b9;

/** SplitMix32's output function: every input bit reaches every output bit. */
function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** Absorbs each seed's low and high 32 bits, so that (1, 2), (2, 1) and (1) start apart. */
function stateFromSeeds(seeds: readonly number[]): [number, number, number, number] {
  let hash = seeds.length;
  for (const seed of seeds) {
    hash = mix(hash + GOLDEN_GAMMA + (seed >>> 0));
    hash = mix(hash + GOLDEN_GAMMA + (Math.floor(seed / 0x100000000) >>> 0));
  }
  const word = (index: number): number => mix(hash + Math.imul(GOLDEN_GAMMA, index));
  return [word(1), word(2), word(3), (word(4) | 1) >>> 0];
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/**
 * xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018): fast, passes the usual
 * batteries, and its state is four integers that fit in a checkpoint's JSON. Not for secrets.
 *
 * @example
 * const random = new Random(0, 1); // a run's seed and an epoch
 * const { state } = random;
 * random.nextFloat() === Random.fromState(state).nextFloat(); // true
 */
export class Random {
  #state: [number, number, number, number];

  /** Equal seeds give equal streams; several seeds (a run's seed, an epoch) make one stream of their own. Seeds are integers. */
  constructor(...seeds: readonly number[]) {
    this.#state = stateFromSeeds(seeds);
  }

  /** Goes on where `state` was taken. */
  static fromState(state: RandomState): Random {
    const random = new Random();
    random.#state = [state[0] >>> 0, state[1] >>> 0, state[2] >>> 0, state[3] >>> 0];
    return random;
  }

  /** To go on from, with `Random.fromState(state)`. */
  get state(): RandomState {
    return [...this.#state];
  }

  /** An integer in [0, 2^32). */
  nextUint32(): number {
    const [a, b, c, d] = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const c1 = c ^ a;
    const d1 = d ^ b;
    this.#state = [(a ^ d1) >>> 0, (b ^ c1) >>> 0, (c1 ^ (b << 9)) >>> 0, rotateLeft(d1, 11) >>> 0];
    return result;
  }

  /** A number in [0, 1) with 53 random bits. */
  nextFloat(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /**
   * An integer in [0, bound), every value equally likely (draws in the uneven tail are thrown away). `bound` is from 1 to 2^32.
   * @throws HyperfitError ERR_CONFIG
   */
  nextBelow(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= 0x100000000))
      throw new HyperfitError('ERR_CONFIG', `expected a whole number from 1 to 2^32 to draw below, got ${bound}`);
    const limit = 0x100000000 - (0x100000000 % bound);
    let draw = this.nextUint32();
    while (draw >= limit) draw = this.nextUint32();
    return draw % bound;
  }
}

/**
 * The integers 0 .. count - 1 in random order (Fisher-Yates).
 *
 * @example
 * randomPermutation(5, new Random(0)); // 4, 3, 1, 2, 0
 */
export function randomPermutation(count: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) swap(order, last, random.nextBelow(last + 1));
  return order;
}

/** Exchanges two elements in place. */
export function swap(values: Int32Array, first: number, second: number): void {
  const kept = values[first]!;
  values[first] = values[second]!;
  values[second] = kept;
}
