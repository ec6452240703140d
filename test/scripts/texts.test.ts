import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';

interface NamedText {
  name: string;
  text: string;
}
interface Split {
  train: NamedText[];
  heldOut: NamedText[];
}

// The scripts are plain JavaScript: their types are said here.
const { writeCorpus } = require('../../scripts/steps/texts.mjs') as {
  writeCorpus: (corpus: object, parent: string, target: string) => Promise<void>;
};
const { chaptersOf, readRdb } = require('../../scripts/steps/texts/austen.mjs') as {
  chaptersOf: (lines: readonly string[]) => string[];
  readRdb: (bytes: Buffer) => Promise<string[][]>;
};
const { splitNews } = require('../../scripts/steps/texts/news.mjs') as { splitNews: (text: string, heldOut: number) => Split };
const { splitArticles } = require('../../scripts/steps/texts/wikipedia.mjs') as {
  splitArticles: (articles: readonly { title: string; text: string }[]) => Split;
};

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A chunk of an R lazy-load database with one character vector. */
function chunkOf(lines: readonly string[]): Buffer {
  const strings = lines.flatMap((line) => [i32(0x00040009), i32(Buffer.byteLength(line)), Buffer.from(line)]);
  const data = Buffer.concat([
    Buffer.from('X\n'),
    i32(3),
    i32(0x040201),
    i32(0x030500),
    i32(5),
    Buffer.from('UTF-8'),
    i32(16),
    i32(lines.length),
    ...strings,
  ]);
  return Buffer.concat([i32(data.length), deflateSync(data)]);
}

describe('Austen', () => {
  test('reads the lines of every chunk of the database', async () => {
    const novels = [
      ['EMMA', '', 'her £20,000, any one'],
      ['Persuasion', '_One_ line'],
    ];
    expect(await readRdb(Buffer.concat(novels.map(chunkOf)))).toEqual(novels);
  });

  test('refuses a chunk of another length than it says', async () => {
    const bytes = chunkOf(['EMMA']);
    bytes.writeUInt32BE(7, 0);
    await expect(readRdb(bytes)).rejects.toThrow('expected 7 bytes in the chunk at 0');
  });

  test('gives chapters without headings, wrapped lines joined, verse kept in lines', () => {
    const lines = [
      'EMMA',
      '',
      'VOLUME I',
      '',
      'CHAPTER I',
      '',
      '',
      'Emma Woodhouse, handsome,  clever, and',
      'rich. Between _them_ it was',
      'chapter and verse.',
      '',
      'She read:',
      '',
      '    My first doth affliction denote,',
      '      Which my second is',
      '',
      'VOLUME II',
      '',
      'Chapter 2',
      '',
      '     * * *',
      '',
      'The wedding.',
      '',
      'FINIS',
      '',
      'A note.',
    ];
    expect(chaptersOf(lines)).toEqual([
      'Emma Woodhouse, handsome, clever, and rich. Between them it was chapter and verse.\n\nShe read:\n\nMy first doth affliction denote,\nWhich my second is',
      'The wedding.',
    ]);
  });
});

test('news are one item a line, the last ones held out', () => {
  const { train, heldOut } = splitNews('First  item. \nSecond\n\nThird\n', 1);
  expect(train).toEqual([
    { name: 'news-001', text: 'First item.' },
    { name: 'news-002', text: 'Second' },
  ]);
  expect(heldOut).toEqual([{ name: 'news-003', text: 'Third' }]);
  expect(() => splitNews('One\n', 1)).toThrow('expected more than 1 lines');
});

test('of articles, stubs and pages that tell namesakes apart are left out, every fifth is held out', () => {
  const words = 'word '.repeat(200);
  const articles = ['One', 'Two', 'List of trees', 'Three', 'Ada (disambiguation)', 'Álgebra & co', 'Five'].map((title) => ({
    title,
    text: words,
  }));
  const { train, heldOut } = splitArticles([
    ...articles,
    { title: 'Short', text: 'A stub.' },
    { title: 'Ada', text: `Ada may refer to:\n\n${words}` },
  ]);
  expect(train.map(({ name }) => name)).toEqual(['one', 'two', 'three', 'algebra-co']);
  expect(heldOut).toEqual([{ name: 'five', text: `Five\n\n${words}` }]);
});

/** The script's functions on nodes made here: its parser is fetched only by the step itself. */
function tidied(text: string): string {
  const program = 'import sys; sys.path.insert(0, sys.argv[1]); import wikipedia; sys.stdout.write(wikipedia.tidy(sys.stdin.read()))';
  const { stdout, stderr, status } = spawnSync('python3', ['-c', program, join(__dirname, '..', '..', 'scripts', 'steps', 'texts')], {
    input: text,
    encoding: 'utf8',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

test('what dropped templates leave behind goes with them, and markup that is never closed', () => {
  expect(
    tidied('Achilles (, Akhilleus,) was\u00a0a hero ( ; ).\n__NOTOC__\n * \n| cell || cell\nThe end .<ref>{{cite|x}}</ref> It&amp;s.'),
  ).toBe('Achilles (Akhilleus) was a hero.\n\nThe end. It&s.');
  expect(tidied("The Iliad'''s end.\nDeath of Achilles'' (2009)")).toBe("The Iliad's end.\n\nDeath of Achilles (2009)");
});

describe('writeCorpus', () => {
  const parent = mkdtempSync(join(tmpdir(), 'hyperfit-texts-'));
  afterAll(() => rmSync(parent, { recursive: true, force: true }));
  const corpus = { name: 'two', title: 'Two', licence: 'none', source: 'here', size: 'nothing', remedy: 'none' };
  const one = [{ name: 'a', text: 'One.' }];

  test('writes both folders and where they are from', async () => {
    await writeCorpus(
      { ...corpus, read: () => Promise.resolve({ train: one, heldOut: [{ name: 'b', text: 'Two.\n\n' }] }) },
      parent,
      join(parent, 'two'),
    );
    expect(readFileSync(join(parent, 'two', 'train', 'a.txt'), 'utf8')).toBe('One.\n');
    expect(readFileSync(join(parent, 'two', 'held-out', 'b.txt'), 'utf8')).toBe('Two.\n');
    expect(readFileSync(join(parent, 'two', 'SOURCE.txt'), 'utf8')).toContain('Licence: none');
  });

  test('leaves nothing behind when it fails', async () => {
    await expect(
      writeCorpus({ ...corpus, read: () => Promise.resolve({ train: [...one, ...one], heldOut: one }) }, parent, join(parent, 'three')),
    ).rejects.toThrow('got 2 of 1 names');
    expect(readdirSync(parent)).toEqual(['two']);
  });
});
