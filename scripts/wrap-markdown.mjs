// npm run docs:wrap: Markdown prose in lines of one width. Tables, code, headings and pictures stay as they are.
//   node scripts/wrap-markdown.mjs            every document of the project
//   node scripts/wrap-markdown.mjs FILE...    these
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const WIDTH = 140;

const FENCE = /^\s*```/;
const AS_IT_IS = /^\s*(\||#{1,6} |!\[|<)|^( {4}|\t)\S/;
const ITEM = /^(\s*)([-*+]|\d+[.)]) (?=\S)/;
const QUOTE = /^> (?=\S)/;
/** What would begin an item, a heading, a quotation or a table at the start of a line. */
const BEGINS_BLOCK = /^([-+*]|#{1,6}|\d+[.)]|[>|].*)$/;
/** Never broken: code, links, and whatever has no space. */
const UNIT = /(?:(`+)[^`](?:.*?[^`])?\1(?!`)|!?\[[^[\]]*\]\([^()\s]*\)|\S)+/g;

/** Lines of at most `WIDTH` signs, but for words that are longer. */
export function wrapMarkdown(text) {
  const out = [];
  let paragraph; // { first, rest, words }: what its first line and the others begin with
  let isCode = false;
  const flush = () => {
    if (paragraph !== undefined) out.push(...fill(paragraph));
    paragraph = undefined;
  };
  for (const line of text.split('\n')) {
    if (FENCE.test(line)) isCode = !isCode;
    const continues = paragraph !== undefined && !/^\s*(\||!\[)|^#{1,6} /.test(line);
    if (isCode || FENCE.test(line) || line.trim() === '' || line === '>' || (AS_IT_IS.test(line) && !continues)) {
      flush();
      out.push(line);
      continue;
    }
    const [opening = ''] = ITEM.exec(line) ?? QUOTE.exec(line) ?? [];
    const isQuote = QUOTE.test(line);
    if (opening !== '' && !(isQuote && paragraph?.rest === '> ')) flush();
    paragraph ??= { first: opening || indentOf(line), rest: isQuote ? '> ' : ' '.repeat((opening || indentOf(line)).length), words: [] };
    paragraph.words.push(...(line.slice(opening.length).match(UNIT) ?? []));
    if (/( {2}|\\)$/.test(line)) flush();
  }
  flush();
  return out.join('\n');
}

const indentOf = (line) => /^\s*/.exec(line)[0];
const lengthOf = (text) => [...text].length;

function fill({ first, rest, words }) {
  const lines = [];
  let line = first + words[0];
  for (const word of words.slice(1)) {
    if (lengthOf(line) + 1 + lengthOf(word) <= WIDTH || BEGINS_BLOCK.test(word)) line += ` ${word}`;
    else {
      lines.push(line);
      line = rest + word;
    }
  }
  return [...lines, line];
}

function documents() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  return ['', 'docs', 'examples', 'test/stand-ins'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(root, folder, name)),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const files = process.argv.slice(2);
  for (const file of files.length > 0 ? files : documents()) {
    const text = readFileSync(file, 'utf8');
    const wrapped = wrapMarkdown(text);
    if (wrapped !== text) writeFileSync(file, wrapped);
  }
}
