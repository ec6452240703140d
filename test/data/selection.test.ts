import fc from 'fast-check';
import { makeContexts, selectSequences, splitSequences } from '../../lib/data/selection.ts';
import type { Sequence } from '../../lib/data/sequences.ts';

const numbered = (count: number): Sequence[] =>
  Array.from({ length: count }, (_, index) => ({ ids: Int32Array.of(index, index + 1), source: 's', offset: 2 * index }));
const firstIds = (sequences: readonly Sequence[]): number[] => sequences.map(({ ids }) => ids[0]!);

describe('splitSequences', () => {
  test('parts are disjoint, of the sizes asked for, and repeatable', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.nat(10),
        fc.nat(10),
        fc.nat(20),
        fc.integer(),
        (samples, heldOut, contexts, spare, seed) => {
          const sequences = numbered(samples + heldOut + contexts + spare);
          const split = splitSequences(sequences, { samples, heldOut, contexts, seed });
          expect([split.train.length, split.heldOut.length, split.contexts.length]).toEqual([samples, heldOut, contexts]);
          const all = [...split.train, ...split.heldOut, ...split.contexts];
          expect(new Set(firstIds(all)).size).toBe(all.length);
          expect(splitSequences(sequences, { samples, heldOut, contexts, seed })).toEqual(split);
        },
      ),
    );
  });

  test('a smaller choice is part of a larger one, and keeping some apart changes nothing', () => {
    const sequences = numbered(40);
    const large = firstIds(selectSequences(sequences, { samples: 20, seed: 5 }));
    expect(firstIds(selectSequences(sequences, { samples: 8, seed: 5 }))).toEqual(large.slice(0, 8));
    expect(firstIds(splitSequences(sequences, { samples: 20, heldOut: 10, seed: 5 }).train)).toEqual(large);
    expect(firstIds(selectSequences(sequences, { samples: 20, seed: 6 }))).not.toEqual(large);
  });

  test('takes the first in order on request', () => {
    const split = splitSequences(numbered(6), { samples: 3, heldOut: 2, contexts: 1, selection: 'first' });
    expect([split.train, split.heldOut, split.contexts].map(firstIds)).toEqual([[0, 1, 2], [3, 4], [5]]);
  });

  test('gives all there are when fewer than the samples, but refuses to starve the rest', () => {
    expect(selectSequences(numbered(3), { samples: 2000 })).toHaveLength(3);
    expect(() => splitSequences(numbered(3), { samples: 3, heldOut: 1 })).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });

  test.each([{ samples: 0 }, { samples: 1.5 }, { samples: 1, heldOut: -1 }, { samples: 1, contexts: NaN }])('refuses %p', (options) => {
    expect(() => splitSequences(numbered(3), options)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });
});

describe('makeContexts', () => {
  test('parts context and original', () => {
    const [context] = makeContexts([{ ids: Int32Array.of(1, 2, 3, 4, 5), source: 's', offset: 0 }], 2);
    expect(context).toEqual({ context: Int32Array.of(1, 2), original: Int32Array.of(3, 4, 5), source: 's' });
  });

  test('refuses sequences shorter than a context', () => {
    expect(() => makeContexts(numbered(1), 3)).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });
});
