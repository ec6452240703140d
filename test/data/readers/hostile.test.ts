import { zipSync } from 'fflate';
import { DataNotes } from '../../../lib/data/data-notes.ts';
import { csvRows } from '../../../lib/data/readers/csv.ts';
import { readRows } from '../../../lib/data/readers/rows.ts';
import { makeFolder, readTexts, refused } from './folder.ts';

/** Files that mean no good: longer, deeper or wider than anything that is data. */

const { put } = makeFolder();
const bytes = (text: string): Uint8Array => Buffer.from(text);
const deep = (open: string, close: string, levels: number): string => `${open.repeat(levels)}x${close.repeat(levels)}`;

test.each([
  ['a list in a list, ten thousand times', 'deep.json', () => '['.repeat(10_000), /at most 500 objects and lists within each other/],
  ['a line of that kind', 'deep.jsonl', () => `{"text":${'['.repeat(1e6)}`, /line 1: nested too deeply/],
  ['a line that Python is guessed at', 'long.jsonl', () => 'a'.repeat(4e6), /line 1: not JSON/],
  ['a first row without an end', 'first.csv', () => 'a'.repeat(1.7e7), /a first line of at most 16 MB/],
  ['columns without number', 'wide.csv', () => Array.from({ length: 10_001 }, (_, at) => `c${at}`).join(','), /at most 10000 columns/],
])(
  '%s is refused',
  async (_, name, make, words) => {
    const before = process.cpuUsage();
    await expect(readTexts(put(name, make()))).rejects.toEqual(refused(words));
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(10);
  },
  120_000,
);

test('a quote without an end is refused at the limit of a row, and bad rows without end at their number', async () => {
  async function* pieces() {
    yield `text\n"${'x y\n'.repeat(5000)}`;
  }
  async function* rows() {
    for (let number = 1; ; number += 1) yield { number, problem: 'bad' };
  }
  await expect(csvRows(pieces(), 'quote.csv', ',', new DataNotes(), 1000).next()).rejects.toEqual(refused(/Max Record Size/));
  await expect(readRows(rows(), 'endless.jsonl', 'line', new DataNotes()).next()).rejects.toEqual(
    expect.objectContaining({ message: expect.stringMatching(/and 249995 more/) as string }),
  );
});

describe('archives', () => {
  const container = (path: string): string => `<container><rootfiles><rootfile full-path="${path}"/></rootfiles></container>`;

  test('of markup that is deeper than a stack are refused in words', async () => {
    const document = `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${deep('<w:p>', '</w:p>', 1001)}</w:body></w:document>`;
    await expect(
      readTexts(put('deep.docx', zipSync({ '[Content_Types].xml': bytes('<Types/>'), 'word/document.xml': bytes(document) }))),
    ).rejects.toEqual(refused(/at most 1000 elements/));
    await expect(readTexts(put('deep.epub', zipSync({ 'META-INF/container.xml': bytes(deep('<a>', '</a>', 1001)) })))).rejects.toEqual(
      refused(/at most 1000 elements/),
    );
  });

  test('that unpack to more than a book are refused before they do', async () => {
    const bomb = Buffer.from(zipSync({ x: Buffer.alloc(1000) }));
    bomb.writeUInt32LE(300e6, bomb.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24);
    await expect(readTexts(put('bomb.epub', bomb))).rejects.toEqual(refused(/unpacks to at most 256 MB/));
  });

  test('whose names lead out of them write nothing and find nothing', async () => {
    const files = { 'META-INF/container.xml': bytes(container('../../../../etc/passwd')), '../../escaped': bytes('x') };
    await expect(readTexts(put('names.epub', zipSync(files)))).rejects.toEqual(refused(/which lacks ..\/..\/..\/..\/etc\/passwd/));
  });

  test.each([
    ['elements that are left out, beside each other', 'many.epub', '<script/>'],
    ['tags without an end', 'open.epub', '<a </a '],
    ['comments without an end', 'comments.docx', '<!--'],
    ['instructions without an end', 'instructions.docx', '<?x'],
    ['values that begin elements', 'values.docx', '<a>"'],
  ])('of %s take no more than their length', async (_, name, part) => {
    const text = part.repeat(200_000);
    const parts = name.endsWith('.epub')
      ? {
          'META-INF/container.xml': container('a.opf'),
          'a.opf':
            '<package><manifest><item id="a" href="a.html" media-type="text/html"/></manifest><spine><itemref idref="a"/></spine></package>',
          'a.html': `<html><body><p>x</p>${text}</body></html>`,
        }
      : { '[Content_Types].xml': '<Types/>', 'word/document.xml': `<w:document xmlns:w="w" a="${text}` };
    const start = process.cpuUsage();
    await readTexts(put(name, zipSync(Object.fromEntries(Object.entries(parts).map(([file, content]) => [file, bytes(content)]))))).catch(
      (error: unknown) => expect(error).toMatchObject({ code: 'ERR_DATA' }),
    );
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(5);
  });

  test('that say more of themselves than deflate can do are refused before memory is taken', async () => {
    const bomb = Buffer.from(zipSync({ x: Buffer.alloc(1000) }));
    bomb.writeUInt32LE(200e6, bomb.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24);
    await expect(readTexts(put('claim.epub', bomb))).rejects.toEqual(refused(/says that \d+ bytes unpack to 200000000/));
  });

  test('that lie about their sizes are refused', async () => {
    const honest = Buffer.from(zipSync({ 'META-INF/container.xml': Buffer.alloc(1e6) }));
    const directory = honest.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    honest.writeUInt32LE(10, directory + 24);
    await expect(readTexts(put('lie.epub', honest))).rejects.toMatchObject({ code: 'ERR_DATA' });
  });
});
