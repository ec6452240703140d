import { withoutFolders } from '../../lib/run/base-names.ts';

test.each([
  [
    'expected a checkpoint in /home/ada/runs/x/checkpoints to resume from, got none',
    'expected a checkpoint in checkpoints to resume from, got none',
  ],
  ['"/data/novel.txt:12" is empty', '"novel.txt:12" is empty'],
  ['held out: ~/texts/other.txt; /a/b/c.jsonl, twice', 'held out: other.txt; c.jsonl, twice'],
  ['half a folder: /srv/models/', 'half a folder: models'],
  ['5.5 / 14 tokens, and/or 2/3 of https://example.org/a/b', '5.5 / 14 tokens, and/or 2/3 of https://example.org/a/b'],
])('%s', (given, expected) => {
  expect(withoutFolders(given)).toBe(expected);
});

test('known paths may hold spaces and stand anywhere', () => {
  expect(withoutFolders('read my texts/a novel.txt twice; my texts/a novel.txt.', ['my texts/a novel.txt', null])).toBe(
    'read a novel.txt twice; a novel.txt.',
  );
});
