import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { IGNORE_INDEX } from '../../../lib/data/batch.ts';
import { makeFolder, read, readTexts, refused } from './folder.ts';

const { put } = makeFolder();
const fixture = (name: string): string => join(__dirname, '../../fixtures/data', name);

describe('CSV', () => {
  test.each([
    ['quotes, separators and line breaks', 'text,x\r\n"say ""hi"", ok",1\r\n"two\r\nlines",2\r\n', ['say "hi", ok', 'two\nlines']],
    ['quotes within a cell', 'text,x\nhe said "hi" there,1\n', ['he said "hi" there']],
    ['semicolons', 'id;text\n1;a,b\n', ['a,b']],
    ['tabs', 'id\ttext\n1\ta,b; c\n', ['a,b; c']],
    ['bars', 'id|text\n1|a,b\n', ['a,b']],
    ['returns alone', 'text,x\ra,1\rb,2\r', ['a', 'b']],
    ['names as people write them', ' Text ,Year\na,1851\n', ['a']],
    ['a nameless index as pandas writes it', ',text\n0,a\n1,b\n', ['a', 'b']],
  ])('%s', async (_, text, expected) => expect(await readTexts(put('a.csv', text))).toEqual(expected));

  test('has the forms of rows, and counts its empty cells', async () => {
    const { documents, notes } = await read(put('forms.csv', 'prompt,completion\np,c\nq,\n'));
    expect(documents).toEqual([{ prompt: 'p', completion: 'c' }]);
    expect(notes).toMatchObject([
      { what: 'rows whose text or answer is null were passed over', count: 1, first: expect.stringMatching(/forms\.csv:2$/) },
    ]);
    expect((await read(put('alpaca.csv', 'instruction,input,output\nA,,B\n'))).documents).toEqual([
      {
        messages: [
          { role: 'user', content: 'A' },
          { role: 'assistant', content: 'B' },
        ],
      },
    ]);
    const cell = JSON.stringify([{ role: 'user', content: 'A' }]).replaceAll('"', '""');
    expect((await read(put('messages.csv', `messages\n"${cell}"\n`))).documents).toEqual([{ messages: [{ role: 'user', content: 'A' }] }]);
  });

  test('of one column is text, and says that its first row is a name', async () => {
    const { documents, notes } = await read(put('lines.csv', 'story\nIt was dark\n'));
    expect([documents, notes[0]!.what]).toEqual([
      [{ text: 'It was dark' }],
      expect.stringContaining('the first row ("story") as their name'),
    ]);
  });

  test('of tabs is .tsv, where quotes are letters', async () => {
    expect(await readTexts(put('a.tsv', 'text\tx\nit\'s 5" wide, "so"\t1\n'))).toEqual(['it\'s 5" wide, "so"']);
  });

  test.each([
    ['a quote that does not close', 'text,x\n"a,1\nb,2\n', /line 3.*Quote/],
    ['rows of other lengths', 'text,x\na,1\nb\n', /line 3: Invalid Record Length/],
    ['names that say nothing', 'title,body\na,b\n', /a column "text".*got "title", "body" in .*name the column to learn "text"/],
    ['a name that stands twice', 'text,text\na,b\n', /"text" twice/],
    ['a list as Python prints it', "messages,x\n\"[{'role': 'user'}]\",1\n", /row 1: "messages" is a list as Python prints it/],
    ['nothing but names', 'text,x\n', /nothing in/],
  ])('%s is refused', async (_, text, message) => expect(read(put('bad.csv', text))).rejects.toEqual(refused(message)));
});

describe('Parquet', () => {
  test.each(['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'])('written by pyarrow with compression %s', async (compression) => {
    const { documents, notes } = await read(fixture(`text-${compression}.parquet`));
    expect(documents).toEqual([{ text: 'one' }, { text: 'three\nlines \u{1f600}' }]);
    expect(notes.map(({ what, first }) => [what, first.replace(/^.*:/, '')])).toEqual([
      ['rows whose text or answer is null were passed over', '2'],
      ['empty texts were passed over', '3'],
    ]);
  });

  test('holds dialogues, whose nulls are absent', async () => {
    const call = { id: '1', function: { name: 'f', arguments: '{"x": 1}' } };
    expect((await read(fixture('messages.parquet'))).documents).toEqual([
      {
        messages: [
          { role: 'user', content: 'A' },
          { role: 'assistant', content: 'B' },
        ],
      },
      {
        messages: [
          { role: 'user', content: 'C' },
          { role: 'assistant', content: null, tool_calls: [call] },
        ],
      },
    ]);
  });

  test('holds ids with labels', async () => {
    expect((await read(fixture('input-ids.parquet'))).documents).toEqual([
      { ids: Int32Array.of(5, 6, 7), targets: Int32Array.of(6, 7, IGNORE_INDEX) },
    ]);
  });

  test('of one column is text, and of other columns is refused', async () => {
    expect((await read(fixture('single-column.parquet'))).documents).toEqual([{ text: 'once' }]);
    await expect(read(fixture('other-columns.parquet'))).rejects.toEqual(refused('"title", "year"'));
  });

  test.each([
    ['no parquet', 'hello'],
    ['nothing', ''],
    ['a beginning', 'PAR1hello'],
  ])('%s is refused', async (_, text) => {
    await expect(read(put('bad.parquet', text))).rejects.toEqual(refused(/a parquet file.*bad\.parquet, which cannot be read/));
  });
});

describe('Gzip', () => {
  const lines = '{"text":"a"}\n{"text":"b"}\n';
  test('holds lines, texts, lists and tables, in several members too', async () => {
    expect(await readTexts(put('a.jsonl.gz', gzipSync(lines)))).toEqual(['a', 'b']);
    expect(await readTexts(put('a.txt.gz', Buffer.concat([gzipSync('one\n'), gzipSync('two\n')])))).toEqual(['one\ntwo\n']);
    expect(await readTexts(put('a.json.gz', gzipSync('[{"text":"a"}]')))).toEqual(['a']);
    expect(await readTexts(put('a.CSV.GZ', gzipSync('text\na\n')))).toEqual(['a']);
  });

  test('that is damaged, cut off, or none is refused', async () => {
    const whole = gzipSync(lines.repeat(100));
    await expect(read(put('cut.jsonl.gz', whole.subarray(0, -12)))).rejects.toEqual(
      refused(/does not unpack \(it is cut off\).*fetch it again/),
    );
    await expect(read(put('none.jsonl.gz', lines))).rejects.toEqual(refused(/does not unpack \(incorrect header check\)/));
    const damaged = Buffer.from(whole);
    damaged.fill(0x55, 14, 20);
    await expect(read(put('damaged.jsonl.gz', damaged))).rejects.toEqual(refused(/does not unpack/));
    await expect(read(put('empty.txt.gz', ''))).rejects.toEqual(refused(/does not unpack/));
  });

  test('of a text that is too large is refused as soon as it has become so', async () => {
    const packed = put('large.txt.gz', '');
    async function* letters(): AsyncGenerator<Buffer> {
      for (let at = 0; at < 257; at += 1) yield Buffer.alloc(1 << 20, 'a\n');
    }
    await pipeline(letters, createGzip({ level: 1 }), createWriteStream(packed));
    await expect(read(packed)).rejects.toEqual(
      refused(/at most 256 MB.*got 256 MB or more in .*large\.txt\.gz; it would be one document.*split -C 100M/),
    );
  });
});
