import fc from 'fast-check';
import { addon } from '../../lib/addon.ts';
import { makeRandom } from '../oracle/batches.ts';
import { naiveCitation, type CitationRule } from './blocker-references.ts';

const VOCABULARY = 7;
const EOS = 6;
const identity = Array.from({ length: VOCABULARY }, (_, id) => id);
/** 0 stands for 1 too, 2 for 3. */
const folded = [0, 0, 2, 2, 4, 5, 6];

const PLAIN: Omit<CitationRule, 'sequences'> = {
  matchLength: 2,
  matchUnit: 'token',
  startsWord: identity.map(() => 1),
  canonicalIds: identity,
  eosTokenIds: [EOS],
  waitForWordEnd: false,
  banned: 'all',
  sequenceEnd: 'ignore',
};

async function withIndex<T>(rule: CitationRule, use: (banned: (history: readonly number[]) => number[]) => T): Promise<T> {
  const native = addon();
  const lengths = Int32Array.from(rule.sequences, (sequence) => sequence.length);
  const index = await native.citationIndexCreate(Int32Array.from(rule.sequences.flat()), lengths, {
    matchLength: rule.matchLength,
    matchUnit: rule.matchUnit,
    startsWord: Uint8Array.from(rule.startsWord),
    canonicalIds: Int32Array.from(rule.canonicalIds),
    eosTokenIds: Int32Array.from(rule.eosTokenIds),
  });
  const ask = (history: readonly number[]): number[] =>
    [...new Set(native.citationIndexBanned(index, Int32Array.from(history), rule.waitForWordEnd, rule.banned, rule.sequenceEnd))].sort(
      (a, b) => a - b,
    );
  try {
    return use(ask);
  } finally {
    native.citationIndexDispose(index);
  }
}

const ids = fc.integer({ min: 0, max: VOCABULARY - 1 });
const rules: fc.Arbitrary<CitationRule> = fc.record({
  sequences: fc.array(fc.array(ids, { minLength: 1, maxLength: 14 }), { minLength: 1, maxLength: 5 }),
  matchLength: fc.integer({ min: 1, max: 5 }),
  matchUnit: fc.constantFrom('token' as const, 'word' as const),
  startsWord: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: VOCABULARY, maxLength: VOCABULARY }),
  canonicalIds: fc.constantFrom(identity, folded),
  eosTokenIds: fc.constantFrom([EOS], [EOS, 5]),
  waitForWordEnd: fc.boolean(),
  banned: fc.constantFrom('all' as const, 'first' as const),
  sequenceEnd: fc.constantFrom('ignore' as const, 'ban-eos' as const),
});

describe('citationIndexBanned', () => {
  const cases: [string, number[], Partial<CitationRule>, number[]][] = [
    ['all continuations of the last two tokens', [5, 1, 2], {}, [3, 4]],
    ['only the first occurrence', [1, 2], { banned: 'first' }, [3]],
    ['fewer tokens than the match', [2], {}, []],
    ['a match at the end of a sequence, ignored', [2, 4], {}, []],
    ['a match at the end of a sequence, ending forbidden', [2, 4], { sequenceEnd: 'ban-eos' }, [EOS]],
    ['only tokens that start a word, when waiting for its end', [1, 2], { waitForWordEnd: true, startsWord: [1, 1, 1, 0, 1, 1, 1] }, [4]],
    [
      'the last two words, however many tokens they have',
      [0, 5, 1, 2],
      {
        matchUnit: 'word',
        startsWord: [1, 1, 0, 1, 1, 1, 1],
        sequences: [
          [5, 1, 2, 3],
          [5, 1, 2, 2],
        ],
      },
      [3],
    ],
    ['every id that is the same when folded', [1, 2], { canonicalIds: [0, 1, 2, 3, 3, 5, 6], sequences: [[1, 2, 3]] }, [3, 4]],
    ['two training sequences are not one text', [3, 1], {}, []],
  ];
  test.each(cases)('%s', (_, history, changes, expected) =>
    withIndex(
      {
        ...PLAIN,
        sequences: [
          [1, 2, 3],
          [1, 2, 4],
        ],
        ...changes,
      },
      (banned) => expect(banned(history)).toEqual(expected),
    ),
  );

  test('equals the array version on random rules and histories', async () => {
    const histories = fc.array(fc.array(ids, { maxLength: 12 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rules, histories, async (rule, asked) => {
        await withIndex(rule, (banned) => {
          // Histories cut from the training data match far more often than random ones.
          const cited = rule.sequences.flatMap((sequence) => sequence.map((__, end) => sequence.slice(0, end + 1)));
          for (const history of [...asked, ...cited]) expect(banned(history)).toEqual(naiveCitation(history, rule));
        });
      }),
      { numRuns: 300 },
    );
  });

  test('a text written under the ban shares no span longer than the match with the data', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(ids, { minLength: 6, maxLength: 20 }), { minLength: 1, maxLength: 3 }),
        fc.nat(),
        async (sequences, seed) => {
          await withIndex({ ...PLAIN, matchLength: 3, sequences }, (banned) => {
            const text = writeUnderBan(banned, seed, 40);
            const spans = text.slice(3).map((_, start) => text.slice(start, start + 4).join(' '));
            const known = new Set(
              sequences.flatMap((sequence) => sequence.slice(3).map((_, start) => sequence.slice(start, start + 4).join(' '))),
            );
            expect(spans.filter((span) => known.has(span))).toEqual([]);
          });
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** Random tokens, except those that are banned; ends when all are. */
function writeUnderBan(banned: (history: readonly number[]) => number[], seed: number, length: number): number[] {
  const random = makeRandom(seed);
  const text: number[] = [];
  while (text.length < length) {
    const forbidden = new Set(banned(text));
    const allowed = identity.filter((id) => !forbidden.has(id));
    if (allowed.length === 0) break;
    text.push(allowed[Math.floor(random() * allowed.length)]!);
  }
  return text;
}
