import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { read, refused } from './folder.ts';

/** Inputs that people have, where they are. */
const CASES = join(__dirname, '../../../../shared/cases/data');
const dialogue = {
  messages: [
    { role: 'user', content: 'A' },
    { role: 'assistant', content: 'B' },
  ],
};

(existsSync(CASES) ? describe : describe.skip)('Cases of people', () => {
  test.each<[string, object[]]>([
    ['14/bos.jsonl', [{ text: '<s>[INST] Hi [/INST] Hello there, friend of mine.</s>' }]],
    ['17/null-column.jsonl', [dialogue]],
    ['17/null-tool-calls.jsonl', [dialogue]],
    ['18/joined-bom.jsonl', [{ text: 'a b c d' }, { text: 'e f g h' }]],
    ['18/parts.jsonl', [dialogue]],
    ['18/prompt-completion.jsonl', [{ prompt: 'A', completion: 'B' }]],
    ['18/sharegpt.jsonl', [dialogue]],
    [
      'indented.jsonl',
      [
        {
          messages: [
            { role: 'user', content: 'body?' },
            { role: 'assistant', content: '    return x\n' },
          ],
        },
      ],
    ],
  ])('%s', async (name, expected) => expect((await read(join(CASES, name))).documents).toEqual(expected));

  test('empty texts of 17/wikitext.jsonl are counted', async () => {
    const { documents, notes } = await read(join(CASES, '17/wikitext.jsonl'));
    expect([documents.length, documents[0], notes.map(({ what, count }) => [what, count])]).toEqual([
      2,
      { text: ' = Title = \n' },
      [['empty texts were passed over', 2]],
    ]);
  });

  test('18/utf16.txt is named with its iconv', async () => {
    await expect(read(join(CASES, '18/utf16.txt'))).rejects.toEqual(refused(/UTF-16LE.*iconv -f UTF-16LE -t UTF-8 utf16\.txt/));
  });
});
