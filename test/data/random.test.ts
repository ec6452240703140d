import fc from 'fast-check';
import { Random, randomPermutation } from '../../lib/data/random.ts';

/** xoshiro128** in BigInt, straight from the definition. */
function referenceStream(state: readonly number[], count: number): number[] {
  const mask = 0xffffffffn;
  const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (32n - bits))) & mask;
  let [a, b, c, d] = state.map(BigInt) as [bigint, bigint, bigint, bigint];
  return Array.from({ length: count }, () => {
    const result = (rotate((b * 5n) & mask, 7n) * 9n) & mask;
    const shifted = (b << 9n) & mask;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11n);
    return Number(result);
  });
}

describe('Random', () => {
  test('is xoshiro128**', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Random(seed);
        const expected = referenceStream(random.state, 20);
        expect(Array.from({ length: 20 }, () => random.nextUint32())).toEqual(expected);
      }),
    );
  });

  test('goes on from a state that went through JSON', () => {
    const random = new Random(7);
    random.nextFloat();
    const copy = Random.fromState(JSON.parse(JSON.stringify(random.state)));
    expect(Array.from({ length: 50 }, () => copy.nextUint32())).toEqual(Array.from({ length: 50 }, () => random.nextUint32()));
  });

  test('starts apart for neighbouring, swapped, large and missing seeds', () => {
    const seeds = [[], [0], [1], [0, 0], [0, 1], [1, 0], [2 ** 32], [2 ** 32 + 1], [-1]];
    const firsts = seeds.map((seed) => new Random(...seed).nextUint32());
    expect(new Set(firsts).size).toBe(seeds.length);
  });

  test('draws below a bound evenly and floats in [0, 1)', () => {
    const random = new Random(3);
    const counts = new Array<number>(6).fill(0);
    for (let draw = 0; draw < 60000; draw += 1) counts[random.nextBelow(6)]! += 1;
    // Six standard deviations of a binomial(60000, 1/6).
    for (const count of counts) expect(Math.abs(count - 10000)).toBeLessThan(550);
    for (let draw = 0; draw < 1000; draw += 1) {
      const value = random.nextFloat();
      expect(value >= 0 && value < 1).toBe(true);
    }
  });

  test('permutes', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(300), (seed, count) => {
        const order = randomPermutation(count, new Random(seed));
        expect(order.slice().sort()).toEqual(Int32Array.from({ length: count }, (_, index) => index));
      }),
    );
  });
});
