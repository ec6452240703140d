import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { readDocuments } from '../../../lib/data/documents.ts';
import { readPng, writePng } from '../../../lib/image/png.ts';
import { readChoiceItems } from '../../../lib/study/choice-items.ts';
import { openImages } from '../../../lib/image/image-set.ts';
import { counted, dataPage, dictionary, growing, parquetFile, plain, run, secondPage, varint } from '../../data/readers/parquet-file.ts';
import { mutate, type Dice } from '../mutations.ts';
import { changedBinary, changedLines, changedText, pick, changedJson } from '../structured.ts';
import { changedZip } from '../zips.ts';
import { byPath, scratchFolder, type FuzzedReaders } from './reader.ts';

const FIXTURES = join(__dirname, '..', '..', 'fixtures');
const scratch = scratchFolder();
const document = (name: string) => byPath(join(scratch, name), (path) => readDocuments(path));

const LINES = [
  '{"text":"It was \\u00e9 dark. \\n Still."}',
  '{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello?","weight":0},{"role":"assistant","content":"Yes.","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}],"tools":[{"type":"function"}]}',
  '{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}',
  '{"prompt":"One","completion":"two","label":true}',
  '{"instruction":"Say","input":"it","output":"it"}',
  '{"ids":[1,2,3,4],"labels":[-100,2,3,4]}',
  '{"prompt":[{"role":"user","content":"x"}],"chosen":[{"role":"assistant","content":"y"}],"rejected":[]}',
];
const CSV = [
  'text\n"a, ""b"" and\nc"\nd\n',
  'prompt;completion\n1,5;"two; three"\nx;y\n',
  'a\tb\ttext\n1\t2\tthree "x" y\n',
  '\ufeffinstruction,input,output\r\nSay,,it\r\n"x","y","z"\r\n',
];
const CSV_WORDS = [
  '"',
  '""',
  ',',
  ';',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '|',
  '\0',
  '\ufeff',
  'text',
  'prompt',
  'x'.repeat(5000),
  '"'.repeat(999),
  ','.repeat(3000),
  '\u2028',
];

const chapter = (body: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title><style>p{}</style></head><body>${body}</body></html>`;
const EPUB = {
  mimetype: 'application/epub+zip',
  'META-INF/container.xml': '<container><rootfiles><rootfile full-path="O/book.opf"/></rootfiles></container>',
  'META-INF/encryption.xml': '<encryption><EncryptionMethod Algorithm="http://www.idpf.org/2008/embedding"/></encryption>',
  'O/book.opf':
    '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><item id="b" href="b%20b.xhtml" media-type="text/html"/></manifest><spine><itemref idref="a"/><itemref idref="b"/></spine><guide><reference type="toc" href="toc.xhtml"/></guide></package>',
  'O/a.xhtml': chapter(
    '<h1>One</h1><p>It was<br/>dark<sup><a href="#n1">1</a></sup>.</p><ul><li>a</li><li>b</li></ul><table><tr><td>a</td><td>b</td></tr></table>',
  ),
  'O/b b.xhtml': chapter(
    '<blockquote><p>Two &amp; &#8220;three&#8221;</p></blockquote><pre>a\n  b</pre><dl><dt>x</dt><dd>y</dd></dl><ruby>x<rt>y</rt></ruby>',
  ),
};
const WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const DOCX = {
  '[Content_Types].xml':
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
  '_rels/.rels':
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
  'word/document.xml': `<w:document ${WORD}><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>One</w:t><w:br/><w:t>two</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p><w:ins><w:r><w:t>added</w:t></w:r></w:ins><w:r><w:footnoteReference w:id="1"/></w:r></w:p></w:body></w:document>`,
  'word/footnotes.xml': `<w:footnotes ${WORD}><w:footnote w:id="1"><w:p><w:r><w:t>note</w:t></w:r></w:p></w:footnote></w:footnotes>`,
  'word/numbering.xml': `<w:numbering ${WORD}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>`,
};

const TASKS = [
  '{"question":"Which?","choices":["a","b"],"answer":1}',
  '{"context":"It is","choices":["dark","light","late"],"answer":"dark"}',
];

const PARQUET = [
  'input-ids',
  'messages',
  'single-column',
  'text-brotli',
  'text-gzip',
  'text-lz4',
  'text-none',
  'text-snappy',
  'text-zstd',
].map((name) => readFileSync(join(FIXTURES, 'data', `${name}.parquet`)));
const PNG = [
  Buffer.from(writePng({ width: 3, height: 2, rgb: Uint8Array.from({ length: 18 }, (_, at) => at) })),
  ...['grey', 'noise', 'slope', 'waves'].map((name) => readFileSync(join(FIXTURES, 'images', `${name}.png`))),
];
const IDX = Buffer.concat([Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]), Buffer.alloc(8, 7)]);

export const DATA_READERS: FuzzedReaders = {
  jsonl: { make: changedLines(LINES), read: document('x.jsonl') },
  'jsonl, compressed': {
    make: (dice) => (dice.below(2) === 0 ? mutate([gzipSync(LINES.join('\n'))], dice) : gzipSync(changedLines(LINES)(dice))),
    read: document('x.jsonl.gz'),
  },
  json: { make: changedJson([`[${LINES.join()}]`, LINES[0]!]), read: document('x.json') },
  csv: { make: changedText(CSV, CSV_WORDS, /"|[,;\t\n\r]|[^",;\t\n\r]+/g), read: document('x.csv') },
  tsv: { make: changedText(CSV, CSV_WORDS, /"|[,;\t\n\r]|[^",;\t\n\r]+/g), read: document('x.tsv') },
  text: {
    make: (dice) =>
      mutate(
        [
          Buffer.from('It was dark.\r\nStill \u00e9.\n'),
          Buffer.from('\ufeffx', 'utf16le'),
          Buffer.from('caf\xe9', 'latin1'),
          PNG[0]!,
          Buffer.from(zipSync({ x: new Uint8Array(3) })),
        ],
        dice,
      ),
    read: document('x.txt'),
  },
  parquet: { make: changedBinary(PARQUET), read: document('x.parquet'), share: 0.5 },
  'parquet footer': { make: (dice) => changedFooter(pick(PARQUET, dice), dice), read: document('y.parquet'), share: 0.5 },
  'parquet pages': { make: changedPages, read: document('z.parquet'), share: 0.5 },
  'items of a task': { make: changedLines(TASKS), read: byPath(join(scratch, 'tasks.jsonl'), (path) => readChoiceItems(path)), share: 0.5 },
  epub: { make: changedZip(EPUB), read: document('x.epub'), share: 0.3 },
  docx: { make: changedZip(DOCX), read: document('x.docx'), share: 0.3 },
  png: { make: changedBinary(PNG, 64), read: (bytes) => readPng(bytes, 'x') },
  images: {
    make: changedBinary([IDX, gzipSync(IDX), Buffer.alloc(3072, 3), Buffer.alloc(3073, 4)], 64),
    read: byPath(join(scratch, 'x.bin'), async (path) => {
      const images = await openImages(path);
      await images.read(0);
      await images.read(images.count - 1);
    }),
  },
};

/** The description at a parquet file's end is what everything else goes by. */
function changedFooter(bytes: Buffer, dice: Dice): Buffer {
  const length = bytes.readUInt32LE(bytes.length - 8);
  const footer = mutate([bytes.subarray(bytes.length - 8 - length, bytes.length - 8)], dice);
  const end = Buffer.from(bytes.subarray(bytes.length - 8));
  end.writeUInt32LE(footer.length);
  return Buffer.concat([bytes.subarray(0, bytes.length - 8 - length), footer, end]);
}

const COUNTS = [0, 1, 2, 3, 8, 100, 5000, 2 ** 17, 2 ** 20, 2 ** 24, 2 ** 29];

/** Pages that are right in form: values said once with how often, packed, as differences, with levels, as many as they say or not. */
function changedPages(dice: Dice): Buffer {
  const usual = 1 + dice.below(20);
  const count = (): number => (dice.below(4) > 0 ? usual : pick(COUNTS, dice));
  const runs = (value: number): Buffer =>
    Buffer.concat(
      Array.from({ length: 1 + dice.below(3) }, () =>
        dice.below(6) === 0 ? Buffer.concat([varint(2 * count() + 1), Buffer.of(0, 0xff, 3)]) : run(count(), value),
      ),
    );
  const texts = (): Buffer => Buffer.concat(Array.from({ length: usual }, () => plain('text')));
  const repetition = dice.below(3) as 0 | 1 | 2;
  const levels = (): Buffer =>
    Buffer.concat([...(repetition === 2 ? [counted(runs(dice.below(2)))] : []), ...(repetition > 0 ? [counted(runs(1))] : [])]);
  const body: readonly (() => Buffer)[] = [
    () => dataPage(count(), 'RLE_DICTIONARY', Buffer.concat([levels(), Buffer.of(dice.below(10) === 0 ? dice.below(40) : 1), runs(1)])),
    () => dataPage(count(), 'PLAIN', Buffer.concat([levels(), texts()])),
    () => secondPage(count(), 'RLE_DICTIONARY', Buffer.concat([Buffer.of(dice.below(3)), runs(1)])),
    () =>
      secondPage(
        count(),
        'DELTA_BYTE_ARRAY',
        Buffer.concat([growing(usual, 0, dice.below(3)), growing(usual, dice.below(5), 0), Buffer.alloc(100, 'x')]),
      ),
    () =>
      dataPage(
        count(),
        'DELTA_LENGTH_BYTE_ARRAY',
        Buffer.concat([levels(), growing(usual, dice.below(5), dice.below(3)), Buffer.alloc(500, 'x')]),
      ),
  ];
  const pages = Array.from({ length: 1 + dice.below(3) }, () => pick(body, dice)());
  const file = parquetFile({
    rows: dice.below(3) === 0 ? count() : usual,
    repetition,
    groups: dice.below(8) === 0 ? 1 + dice.below(50) : 1,
    pages: [dictionary(['once', 'twice'], dice.below(9) === 0 ? count() : 2), ...pages],
  });
  return dice.below(4) === 0 ? mutate([file], dice) : file;
}
