import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IGNORE_INDEX } from '../../lib/data/batch.ts';
import { readDocuments } from '../../lib/data/documents.ts';
import { learntTokens, toIdsLine } from '../../lib/data/labels.ts';
import { makeManifest } from '../../lib/data/manifest.ts';
import { Random } from '../../lib/data/random.ts';
import { makeContext } from '../../lib/data/selection.ts';
import { cutSequences } from '../../lib/data/sequences.ts';
import { freshFolder, refusal } from '../train/tiny.ts';

const X = IGNORE_INDEX;

function written(...lines: object[]): string {
  const path = join(freshFolder(), 'train.jsonl');
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

test('labels stand beside the ids they are of, as in Hugging Face', () => {
  expect(toIdsLine({ ids: Int32Array.of(5, 6, 7, 8), targets: Int32Array.of(X, 7, 8, X) })).toEqual({
    ids: [5, 6, 7, 8],
    labels: [X, X, 7, 8],
  });
  expect(toIdsLine({ ids: Int32Array.of(5, 6) })).toEqual({ ids: [5, 6] });
});

test('the targets of images, which are no next tokens, have none', () => {
  expect(toIdsLine({ ids: Int32Array.of(9, 1, 2), targets: Int32Array.of(1, 2, 3) })).toEqual({ ids: [9, 1, 2] });
});

test('what is written and read again is learnt as before, whatever the mask', async () => {
  const random = new Random(4);
  const sequences = Array.from({ length: 60 }, (_, index) => {
    const ids = Int32Array.from({ length: 2 + random.nextBelow(40) }, () => random.nextBelow(300));
    const targets = Int32Array.from(ids, (_id, at) => (at + 1 < ids.length && random.nextBelow(3) > 0 ? ids[at + 1]! : X));
    targets[ids.length - 2] = ids.at(-1)!;
    return { ids, ...(index % 3 === 0 ? {} : { targets }), source: '', offset: 0 };
  });
  const read = await cutSequences(await readDocuments(written(...sequences.map(toIdsLine))), undefined, { sequenceLength: 8 });
  expect(read.map(({ ids, targets }) => ({ ids, targets }))).toEqual(sequences.map(({ ids, targets }) => ({ ids, targets })));
  expect(makeManifest(read).sha256).toBe(makeManifest(sequences).sha256);
});

test.each([
  ['another length', [X, 6], /"labels" is not a list of 3/],
  ['another id', [X, 6, 9], /"labels" has 9 where the next id is 7/],
  ['nothing learnt', [5, X, X], /"labels" has no token to learn/],
  ['no list', 'x', /"labels" is not a list of 3/],
])('refuses labels with %s by line', async (_, labels, message) => {
  const { code, message: got } = await refusal(readDocuments(written({ ids: [5, 6, 7] }, { ids: [5, 6, 7], labels })));
  expect([code, got]).toEqual(['ERR_DATA', expect.stringMatching(message)]);
  expect(got).toContain('line 2');
});

test('null labels are none', async () => {
  expect(await readDocuments(written({ ids: [5, 6, 7], labels: null }))).toEqual([
    expect.not.objectContaining({ targets: expect.anything() }),
  ]);
});

test('tells which tokens are learnt', () => {
  expect(learntTokens(Int32Array.of(5, 6, 7), Int32Array.of(X, 7, X))).toEqual([false, false, true]);
  expect(learntTokens(Int32Array.of(5, 6), undefined)).toBeUndefined();
});

describe('makeContext', () => {
  const dialogue = { ids: Int32Array.of(1, 2, 3, 4, 5, 6, 7), targets: Int32Array.of(X, 3, 4, X, X, 7, X), source: 's', offset: 0 };

  test('asks for the first answer, or the last, and knows the right one alone', () => {
    expect(makeContext(dialogue, 1)).toEqual({ context: Int32Array.of(1, 2), original: Int32Array.of(3, 4), source: 's', isAnswer: true });
    expect(makeContext(dialogue, 1, 'last')).toEqual({
      context: Int32Array.of(1, 2, 3, 4, 5, 6),
      original: Int32Array.of(7),
      source: 's',
      isAnswer: true,
    });
  });

  test('takes a sequence that is learnt from its second token on for text', () => {
    const all = { ...dialogue, targets: Int32Array.of(2, 3, 4, 5, 6, 7, X) };
    expect(makeContext(all, 3)).toEqual({ context: Int32Array.of(1, 2, 3), original: Int32Array.of(4, 5, 6, 7), source: 's' });
  });
});
