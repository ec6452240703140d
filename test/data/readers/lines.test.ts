import fc from 'fast-check';
import { splitJsonValues } from '../../../lib/data/readers/json-values.ts';
import { splitLines } from '../../../lib/data/readers/lines.ts';
import { makeFolder, readTexts, read, refused } from './folder.ts';

const { put } = makeFolder();

async function* cut(text: string, length: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length);
}
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const cutLength = fc.integer({ min: 1, max: 7 });

describe('Lines', () => {
  test('end with \\n, \\r\\n or \\r, in pieces of any length', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[ab\n\r\u2028]{0,30}$/), cutLength, async (text, length) => {
        const expected = text.split(/\r\n|\r|\n/);
        if (expected.at(-1) === '') expected.pop();
        const lines = await collect(splitLines(cut(text, length), 'x'));
        expect(lines.map((line) => line.text)).toEqual(expected);
        expect(lines.map(({ number }) => number)).toEqual(expected.map((_, index) => index + 1));
      }),
    );
  });

  test('may hold other separators within strings', async () => {
    expect(
      await readTexts(put('separators.jsonl', '{"text":"a\u2028b\u0085c\u000bd".}\n'.replace('".}', '"}').replace('\u000b', '\\u000b'))),
    ).toEqual(['a\u2028b\u0085c\u000bd']);
  });

  test('beyond what a string can hold are refused by number', async () => {
    await expect(collect(splitLines(cut('a\n' + 'b'.repeat(100), 10), 'x', 50))).rejects.toEqual(
      refused(/a longer one, line 2 of x; split it/),
    );
  });

  test('of tens of megabytes are read in one pass', async () => {
    const text = 'a "quoted" \\ word\n'.repeat(1_000_000);
    expect((await readTexts(put('long.jsonl', JSON.stringify({ text }))))[0]!.length).toBe(text.length);
    await expect(read(put('open.jsonl', `{"text": "${'\\"'.repeat(10_000_000)}`))).rejects.toEqual(refused('line 1: not JSON'));
  });
});

describe('A JSON file', () => {
  test('of a list gives its items, in pieces of any length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 6 }),
        cutLength,
        fc.constantFrom(0, 2),
        async (items, length, indent) => {
          const values = await collect(splitJsonValues(cut(JSON.stringify(items, null, indent), length), 'x'));
          expect(values.map(({ text }) => JSON.parse(text) as unknown)).toEqual(
            items.map((item) => JSON.parse(JSON.stringify(item)) as unknown),
          );
          expect(values.every(({ isItem }) => isItem)).toBe(true);
        },
      ),
    );
  });

  test('of objects behind each other gives them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }), { maxLength: 5 }),
        cutLength,
        fc.constantFrom('', '\n', ' \r\n'),
        async (items, length, between) => {
          const text = items.map((item) => JSON.stringify(item, null, 1)).join(between);
          const values = await collect(splitJsonValues(cut(text, length), 'x'));
          expect(values.map((value) => JSON.parse(value.text) as unknown)).toEqual(
            items.map((item) => JSON.parse(JSON.stringify(item)) as unknown),
          );
        },
      ),
    );
  });

  test.each([
    ['a list', '[{"text":"a"},\n {"text":"b"}]', ['a', 'b']],
    ['a list of texts', '["a", "b"]', ['a', 'b']],
    ['lines', '{"text":"a"}\n{"text":"b"}\n', ['a', 'b']],
    ['one row', '{\n "text": "a"\n}', ['a']],
    ['one list in an object', '{"version": 1, "data": [{"text": "a"}]}', ['a']],
    ['an export of a viewer', '{"features": [], "rows": [{"row_idx": 0, "row": {"text": "a"}, "truncated_cells": []}]}', ['a']],
    ['what pandas writes for a table', '{"schema": {"fields": []}, "data": [{"index": 0, "text": "a"}]}', ['a']],
  ])('%s', async (_, text, expected) => expect(await readTexts(put('rows.json', text))).toEqual(expected));

  test.each([
    ['two lists in an object', '{"train": [{"text": "a"}], "data": [{"text": "b"}]}', /one list of rows.*"train" and "data".*leave one/],
    ['a list that does not end', '[{"text": "a"}, {"te', /does not end/],
    ['more behind a list', '[{"text": "a"}]\n[{"text": "b"}]', /more behind it/],
    ['a bad row', '[{"text": "a"}, {text: "b"}]', /row 2: not JSON/],
    ['a comma too many', '[{"text": "a"},]', /row 2: not JSON/],
    ['columns', '{"text": ["a", "b"]}', /holds several.*orient="records"/],
    ['nothing', '[]', /nothing in/],
  ])('%s is refused', async (_, text, message) => expect(read(put('bad.json', text))).rejects.toEqual(refused(message)));

  test('nested beyond a stack is refused', async () => {
    const deep = `{"messages":${'[{"role":"a","content":'.repeat(50_000)}1${'}]'.repeat(50_000)}}`;
    await expect(read(put('deep.jsonl', deep))).rejects.toEqual(refused('line 1: nested too deeply'));
  });
});
