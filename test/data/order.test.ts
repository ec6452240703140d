import fc from 'fast-check';
import { epochOrder, parseOrder } from '../../lib/data/order.ts';

const identityOf = (count: number): Int32Array => Int32Array.from({ length: count }, (_, index) => index);

describe('parseOrder', () => {
  test('reads the three kinds', () => {
    expect(parseOrder('shuffle')).toEqual({ kind: 'shuffle' });
    expect(parseOrder('identity')).toEqual({ kind: 'identity' });
    expect(parseOrder('swap-12')).toEqual({ kind: 'swap', swaps: 12 });
  });

  test.each(['', 'swap', 'swap-', 'swap-0', 'swap-1.5', 'swap--1', 'Shuffle', 'swap-1x'])('refuses %p', (text) => {
    expect(() => parseOrder(text)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining('swap-K') }));
  });
});

describe('epochOrder', () => {
  test('is a permutation that depends on seed and epoch alone', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer(), fc.nat(50), (count, seed, epoch) => {
        const order = epochOrder({ kind: 'shuffle' }, count, { seed, epoch });
        expect(order.slice().sort()).toEqual(identityOf(count));
        expect(epochOrder({ kind: 'shuffle' }, count, { seed, epoch })).toEqual(order);
      }),
    );
  });

  test('differs between epochs and between seeds', () => {
    const order = (seed: number, epoch: number): string => epochOrder({ kind: 'shuffle' }, 64, { seed, epoch }).join();
    expect(new Set([order(0, 0), order(0, 1), order(1, 0), order(1, 1)]).size).toBe(4);
  });

  test('leaves the identity alone', () => {
    expect(epochOrder({ kind: 'identity' }, 5, { seed: 1, epoch: 2 })).toEqual(identityOf(5));
  });

  test('swap-K exchanges exactly K disjoint pairs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(60), fc.integer(), (swaps, spare, seed) => {
        const count = 2 * swaps + spare;
        const order = epochOrder({ kind: 'swap', swaps }, count, { seed, epoch: 0 });
        const moved = Array.from(order.entries()).filter(([place, index]) => place !== index);
        expect(moved).toHaveLength(2 * swaps);
        for (const [place, index] of moved) expect(order[index]).toBe(place);
      }),
    );
  });

  test('refuses more pairs than there are', () => {
    expect(() => epochOrder({ kind: 'swap', swaps: 3 }, 5, { seed: 0, epoch: 0 })).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });
});
