import fc from 'fast-check';
import { decodeUtf8 } from '../../../lib/data/readers/encoding.ts';
import { makeFolder, read, readTexts, refused } from './folder.ts';

const { put } = makeFolder();
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const refusal = (name: string, bytes: Uint8Array, message: RegExp): Promise<void> =>
  expect(read(put(name, bytes))).rejects.toEqual(refused(message));

/** Bytes of an encoding that Node decodes, found by decoding all there are. */
function encode(text: string, label: string): Buffer {
  const table = new Map<string, number[]>();
  const decoder = new TextDecoder(label);
  for (let byte = 0; byte < 256; byte += 1) table.set(decoder.decode(Uint8Array.of(byte)), [byte]);
  for (let first = 0x81; first < 0xff; first += 1)
    for (let second = 0x40; second < 0xff; second += 1) {
      const letter = decoder.decode(Uint8Array.of(first, second));
      if ([...letter].length === 1 && !table.has(letter)) table.set(letter, [first, second]);
    }
  return Buffer.from([...text].flatMap((letter) => table.get(letter) ?? [0x3f]));
}

describe('Marks', () => {
  test('are passed over at the start of every line, and kept within one', async () => {
    expect(await readTexts(put('marks.txt', '\ufeff\ufeffa\r\n\ufeffb\n\ufeff\nc\ufeffd'))).toEqual(['a\nb\n\nc\ufeffd']);
    expect(await readTexts(put('marks.jsonl', '\ufeff{"text":"a"}\n\ufeff{"text":"b"}\r\n'))).toEqual(['a', 'b']);
    expect(await readTexts(put('marks.json', '\ufeff [{"text":"a"}]'))).toEqual(['a']);
    expect(await readTexts(put('marks.csv', '\ufefftext\na\n'))).toEqual(['a']);
  });
});

describe('Wide encodings are named with their iconv', () => {
  const swap = (bytes: Buffer): Buffer => Buffer.from(bytes).swap16();
  const english = Buffer.from('A text that PowerShell wrote.\r\n', 'utf16le');
  const russian = Buffer.from('Все счастливые семьи похожи друг на друга.\r\n', 'utf16le');
  const utf32 = Buffer.from(Uint32Array.from([...'A text.\n'], (letter) => letter.codePointAt(0)!).buffer);
  test.each([
    ['UTF-16LE with a mark', Buffer.concat([Buffer.of(0xff, 0xfe), english]), 'UTF-16LE'],
    ['UTF-16BE with a mark', swap(Buffer.concat([Buffer.of(0xff, 0xfe), english])), 'UTF-16BE'],
    ['UTF-16LE without', english, 'UTF-16LE'],
    ['UTF-16BE without', swap(english), 'UTF-16BE'],
    ['Russian without', russian, 'UTF-16LE'],
    ['Russian without, the other way', swap(russian), 'UTF-16BE'],
    ['UTF-32LE with a mark', Buffer.concat([Buffer.of(0xff, 0xfe, 0, 0), utf32]), 'UTF-32LE'],
    ['UTF-32LE without', utf32, 'UTF-32LE'],
  ])('%s', (_, bytes, name) => refusal('wide.jsonl', bytes, new RegExp(`got ${name} in .*iconv -f ${name} -t UTF-8 wide\\.jsonl > `)));
});

describe('Other encodings are told apart', () => {
  test.each([
    ['curly quotes of Windows', latin1('\x93I don\x92t know,\x94 she said \x97 caf\xe9\x85\n'), 'WINDOWS-1252'],
    ['one apostrophe of Windows', latin1('I don\x92t know.'), 'WINDOWS-1252'],
    ['German quotes of Windows', latin1('\x84Gr\xf6\xdfe\x93 ist f\xfcr M\xe4nner.'), 'WINDOWS-1252'],
    ['Latin-1', latin1("L'\xe9t\xe9 dernier, d\xe9j\xe0 l\xe0. Gr\xf6\xdfe. \xbfQu\xe9? a\xf1o"), 'LATIN1'],
    ['one letter', latin1('caf\xe9'), 'LATIN1'],
    ['a Mac', encode('“I don’t know,” she said — café', 'macintosh'), 'MACINTOSH'],
    ['Russian of Windows', encode('Все счастливые семьи похожи друг на друга', 'windows-1251'), 'WINDOWS-1251'],
    ['Russian of Unix', encode('Все счастливые семьи похожи друг на друга', 'koi8-r'), 'KOI8-R'],
    ['Greek', encode('Όλες οι ευτυχισμένες οικογένειες μοιάζουν', 'windows-1253'), 'WINDOWS-1253'],
    ['Hebrew', encode('כל המשפחות המאושרות דומות זו לזו', 'windows-1255'), 'WINDOWS-1255'],
    ['Japanese', encode('吾輩は猫である。名前はまだ無い。', 'shift_jis'), 'SHIFT_JIS'],
    ['Japanese of Unix', encode('吾輩は猫である。名前はまだ無い。', 'euc-jp'), 'EUC-JP'],
    ['Japanese of mail', latin1('\x1b$B8cGZ$OG-$G$"$k\x1b(B'), 'ISO-2022-JP'],
    ['Chinese', encode('第一回 甄士隐梦幻识通灵，贾雨村风尘怀闺秀。', 'gb18030'), 'GB18030'],
    ['Chinese of Taiwan', encode('第一回 甄士隱夢幻識通靈，賈雨村風塵懷閨秀。', 'big5'), 'BIG5'],
    ['Korean', encode('모든 행복한 가정은 서로 닮았고', 'euc-kr'), 'EUC-KR'],
  ])('%s', (_, bytes, name) => refusal('other.txt', bytes, new RegExp(`UTF-8.*${name}.*iconv -f ${name} -t UTF-8 other\\.txt > `)));

  test('and one that nobody can tell is to be named', () =>
    refusal('dos.txt', latin1("L'\x82t\x82 dernier, d\x82j\x85 l\x85."), /do not tell.*iconv -f ENCODING .*where ENCODING is the name/));
  test('one that is not Western is called so', () =>
    refusal('polish.txt', latin1('Za\xbf\xf3\xb3\xe6 g\xea\x9cl\xb9 ja\x9f\xf1'), /East Asian, Cyrillic or other/));
});

describe('What is nearly UTF-8', () => {
  const lines = 'Café — a line\n'.repeat(300);
  test('half of a surrogate pair is no other encoding', () =>
    refusal('half.txt', latin1('a \xed\xa0\xbd b'), /got half of a surrogate pair \(at byte 2, line 1\).*iconv -c/));
  test('a stray byte is named by its place', () =>
    refusal(
      'stray.txt',
      Buffer.concat([Buffer.from(lines), latin1('bad \xe9 here\n'), Buffer.from(lines)]),
      /first at byte 5104, line 301\).*correct this line, or .*iconv -c/,
    ));
  test('an end within a character too', () =>
    refusal(
      'cut.txt',
      Buffer.from(lines.repeat(300)).subarray(0, -10),
      /ends within a character \(at byte \d+, line 90000\).*fetch the file again/,
    ));
});

describe('What is no text is called by its name', () => {
  test.each([
    ['a.txt', latin1('%PDF-1.7\n1 0 obj'), /a PDF document in .*pdftotext a\.txt/],
    ['a.md', latin1('{\\rtf1\\ansi text}'), /an RTF document in .*pandoc -f rtf a\.md/],
    ['a.jsonl', latin1('PK\x03\x04\x14\0\0\0\x08\0'), /a zip archive/],
    ['a.txt', latin1('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0'), /an old Microsoft Office document/],
    ['a.txt', latin1('\x1f\x8b\x08\0\0\0\0\0'), /a gzip file in .*name it a\.txt\.gz/],
    ['a.txt', latin1('\x89PNG\r\n\x1a\n\0\0'), /a PNG image/],
    ['a.jsonl', latin1('PAR1\x15\x04\xff\xff'), /a parquet file in .*name it \.parquet/],
    ['a.txt', latin1('hello\0world'), /binary data \(a NUL byte at byte 5\)/],
  ])('%s: %p', (name, bytes, message) => refusal(name, bytes, message));

  test('and what only begins like it is text', async () => {
    expect(await readTexts(put('id3.txt', 'ID3 tags are in front. GGUF too.'))).toEqual(['ID3 tags are in front. GGUF too.']);
  });
});

test('pieces of any length give the text of the whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1 }),
      async (text, lengths) => {
        const clean = text.replaceAll('\0', '').replaceAll('\ufeff', '').replaceAll('\x1b', '');
        const bytes = Buffer.from(clean);
        async function* pieces(): AsyncGenerator<Uint8Array> {
          for (let at = 0, next = 0; at < bytes.length; next += 1) {
            const length = lengths[next % lengths.length]! + (next % lengths.length === 0 ? 1 : 0);
            yield bytes.subarray(at, (at += length));
          }
        }
        let decoded = '';
        for await (const piece of decodeUtf8(pieces(), 'x')) {
          expect(Buffer.from(piece).toString()).toBe(piece);
          decoded += piece;
        }
        expect(decoded).toBe(Buffer.from(clean).toString('utf8'));
      },
    ),
  );
});
