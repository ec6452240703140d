import { DataNotes, renderNote } from '../../lib/data/data-notes.ts';

function rendered(what: string, sources: readonly string[], tokens?: number): string[] {
  const notes = new DataNotes();
  for (const source of sources) notes.add(what, source, 1, tokens);
  return notes.notes.map(renderNote);
}

test('notes of a kind are one line, with the first place without its folder', () => {
  expect(rendered('empty texts were passed over', ['/data/rows.jsonl:3', '/data/rows.jsonl:9'])).toEqual([
    '2 empty texts were passed over (first at rows.jsonl:3)',
  ]);
  expect(rendered('texts were left out', Array<string>(3).fill('novel.txt'), 500)).toEqual([
    '3 texts were left out (1,500 tokens, first at novel.txt)',
  ]);
});

test.each([
  ['empty texts were passed over', '1 empty text was passed over (at a.txt)'],
  [
    'answers lost their thoughts (<think>), which the chat template cuts',
    '1 answer lost its thoughts (<think>), which the chat template cuts (at a.txt)',
  ],
  ['rows hold "functions", which no template reads', '1 row holds "functions", which no template reads (at a.txt)'],
  ['opening answers, before which nobody speaks, are not learnt', '1 opening answer, before which nobody speaks, is not learnt (at a.txt)'],
  ['files of the folder had nothing in them', '1 file of the folder had nothing in it (at a.txt)'],
])('one of %s reads as one', (what, expected) => {
  expect(rendered(what, ['a.txt'])).toEqual([expected]);
});
