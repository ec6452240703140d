import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataNotes } from '../../lib/data/data-notes.ts';
import { readDocuments, streamDocuments } from '../../lib/data/documents.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-data-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const refused = (message: string | RegExp): object =>
  expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) });

describe('readDocuments', () => {
  test('reads a text file as one document, without mark and with plain line ends', async () => {
    const path = await put('a.txt', '\ufeffone\r\ntwo\rthree');
    expect(await readDocuments(path)).toEqual([{ source: path, text: 'one\ntwo\nthree' }]);
  });

  test('reads texts and ids from lines, and knows where they stood', async () => {
    const path = await put('a.jsonl', '{"text": "one", "id": 7}\n\n{"ids": [3, 0, 2147483647]}\r\n');
    expect(await readDocuments(path)).toEqual([
      { source: `${path}:1`, text: 'one' },
      { source: `${path}:3`, ids: Int32Array.of(3, 0, 2147483647) },
    ]);
  });

  test('reads a folder in the order of names and passes over other files', async () => {
    await put('b.txt', 'second');
    await put('a.jsonl', '{"text":"first"}');
    await put('c.log', 'not data');
    await put('README.md', 'about the data');
    await put('._b.txt', '\0');
    await mkdir(join(folder, 'd'));
    const notes = new DataNotes();
    const documents = await readDocuments(folder, notes);
    expect(documents.map((document) => ('text' in document ? document.text : ''))).toEqual(['first', 'second']);
    expect(notes.notes.map(({ what, count }) => [what, count])).toEqual([
      ['other files of the folder were not read', 3],
      ['folders within the folder were not read', 1],
    ]);
  });

  test('lists bad lines by number, the first five of them', async () => {
    const bad = [
      '{"text": 3}',
      '{',
      '[]',
      '{}',
      '{"ids": [1, -1]}',
      '{"ids": []}',
      '{"ids": [1.5]}',
      '{"ids":[1],"text":"a"}',
      '{"text":" "}',
    ];
    const path = await put('bad.jsonl', ['{"text":"good"}', ...bad].join('\n'));
    await expect(readDocuments(path)).rejects.toEqual(
      refused(
        /bad\.jsonl.*line 2: "text" is not a string; line 3: not JSON; line 4: not an object but a list \(a list of rows is a \.json file\); line 5: none of "text", "ids" and "messages"; line 6: "ids"\[1\] is -1.*and 2 more/,
      ),
    );
  });

  test.each(['{"ids": [2147483648]}', '{"ids": ["1"]}', '{"ids": [null]}', '{"ids": {"0": 1}}', 'null', '7'])(
    'refuses the line %p',
    async (line) => {
      await expect(readDocuments(await put('bad.jsonl', line))).rejects.toEqual(refused('line 1'));
    },
  );

  test('names a file that is not UTF-8', async () => {
    const path = await put('latin1.txt', Uint8Array.of(0x63, 0x61, 0x66, 0xe9));
    await expect(readDocuments(path)).rejects.toEqual(refused(/UTF-8.*latin1\.txt.*iconv/));
  });

  test('refuses a missing path, another kind of file, and data without content', async () => {
    await expect(readDocuments(join(folder, 'missing'))).rejects.toEqual(refused('cannot be read'));
    await expect(readDocuments(await put('a.log', 'a,b'))).rejects.toEqual(refused('rename'));
    await expect(readDocuments(await put('empty.txt', ' \n'))).rejects.toEqual(refused('nothing'));
    await expect(readDocuments(await put('empty.jsonl', '\n'))).rejects.toEqual(refused('nothing'));
  });

  test('gives the good lines before it refuses the bad ones', async () => {
    const seen: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const document of streamDocuments(await put('a.jsonl', '{"text":"a"}\n{\n{"text":"b"}'), new DataNotes()))
        seen.push((document as { text: string }).text);
    };
    await expect(reading()).rejects.toEqual(refused('line 2: not JSON'));
    expect(seen).toEqual(['a', 'b']);
  });

  test('says what there was where there is no content', async () => {
    await expect(readDocuments(await put('empty.jsonl', '{"text": ""}\n{"text": ""}'))).rejects.toEqual(
      refused(/nothing in .*2 empty texts were passed over/),
    );
  });

  test.each([
    ['a.pdf', /pdftotext a\.pdf a\.txt/],
    ['a.odt', /pandoc a\.odt -t plain --wrap=none -o a\.txt/],
    ['a.rtf', /pandoc a\.rtf/],
    ['a.doc', /soffice --convert-to docx a\.doc/],
    ['a.pages', /\.docx/],
    ['a.mobi', /ebook-convert a\.mobi a\.epub/],
    ['a.xlsx', /save it as \.csv/],
    ['a.jsonl.zst', /zstd -d a\.jsonl\.zst/],
    ['a.tar.gz', /gunzip -k a\.tar\.gz/],
    ['a.parquet.gz', /gunzip -k/],
    ['a', /rename it or convert/],
    ['constructor.constructor', /rename it or convert/],
  ])('names what to do about %s', async (name, remedy) => {
    await expect(readDocuments(await put(name, 'x'))).rejects.toEqual(refused(remedy));
  });

  test('refuses a folder without data', async () => {
    await expect(readDocuments(folder)).rejects.toEqual(refused('nothing'));
  });
});
