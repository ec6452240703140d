import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOCUMENTS, ROOT, textOf, withoutFences } from './markdown.ts';

const { WIDTH, wrapMarkdown } = require('../../scripts/wrap-markdown.mjs') as { WIDTH: number; wrapMarkdown: (text: string) => string };

/** What cannot be broken, or would mean something else: tables, headings, pictures, and words that are longer than a line. */
const isProse = (line: string): boolean =>
  !/^\s*(\||!\[)|^#{1,6} |^ {4}\S/.test(line) &&
  line
    .replace(/^(>|\s*[-*]) /, '')
    .replace(/`[^`]*`|\[[^\]]*\]\([^)]*\)/g, 'x')
    .includes(' ');

test.each(DOCUMENTS)(`%s: no line of prose is wider than ${WIDTH} signs (npm run docs:wrap)`, (path) => {
  const wide = withoutFences(textOf(path))
    .split('\n')
    .filter((line) => [...line].length > WIDTH && isProse(line));
  expect(wide.filter((line) => wrapMarkdown(line) !== line)).toEqual([]);
});

test('wrapping breaks at words alone, and keeps blocks, items, quotations, code and links whole', () => {
  const words = (count: number): string => Array.from({ length: count }, (_, index) => `word${index}`).join(' ');
  const kept = ['# Title', '', '> end', '', '```sh', words(60), '```', '', `| ${words(60)} |`, ''].join('\n');
  expect(wrapMarkdown(kept)).toBe(kept);
  const parted = wrapMarkdown([words(40), '', `- ${words(40)}`, '- `a b`', '', `> ${words(40)}`].join('\n')).split('\n');
  expect(parted.map((line) => line.replace(/^(> |- | {2})?.*/, '$1'))).toEqual(['', '', '', '- ', '  ', '- ', '', '> ', '> ']);
  expect(parted.filter((line) => line.length > WIDTH)).toEqual([]);
  expect(parted.join(' ').match(/word\d+/g)).toEqual([40, 40, 40].flatMap((count) => words(count).split(' ')));
  const link = `[${words(2)}](https://example.org/${'x'.repeat(100)})`;
  expect(wrapMarkdown(`${words(8)} ${link} ${words(8)}`)).toContain(link);
  expect(wrapMarkdown(`${words(21)} - ${words(21)}`)).not.toMatch(/^- /m);
});

test('wrapping every document of this kind twice changes nothing', () => {
  const pages = readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => readFileSync(join(ROOT, 'docs', name), 'utf8'));
  for (const page of pages) expect(wrapMarkdown(wrapMarkdown(page))).toBe(wrapMarkdown(page));
});
