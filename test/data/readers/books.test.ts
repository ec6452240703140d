import { readFileSync } from 'node:fs';
import { zipSync, type Zippable } from 'fflate';
import { makeFolder, read, readTexts, refused } from './folder.ts';

const { put } = makeFolder();
const bytes = (text: string): Uint8Array => Buffer.from(text);

const CONTAINER =
  '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>';
const chapter = (body: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="a"/><style>p{}</style></head><body>${body}</body></html>`;

/** An archive that says of one of its files that it unpacks to so many bytes. */
function claimSize(archive: Uint8Array, name: string, size: number): Buffer {
  const claimed = Buffer.from(archive);
  // Where the directory at the end names the file, its size stands 22 bytes before the name.
  claimed.writeUInt32LE(size, claimed.lastIndexOf(name) - 22);
  return claimed;
}

interface Book {
  manifest?: string;
  spine?: string;
  files?: Zippable;
}

/** A book with a table of contents and these chapters. */
function putBook(name: string, bodies: readonly (string | Uint8Array)[], { manifest = '', spine = '', files = {} }: Book = {}): string {
  const items = bodies.map((_, at) => `<item id="c${at}" href="text/ch%20${at}.xhtml" media-type="application/xhtml+xml"/>`).join('');
  const refs = bodies.map((_, at) => `<itemref idref="c${at}"/>`).join('');
  const nav = '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="scripted nav"/>';
  const opf = `<opf:package xmlns:opf="http://www.idpf.org/2007/opf"><opf:manifest>${nav}${items}${manifest}</opf:manifest><opf:spine><itemref idref="nav"/>${refs}${spine}</opf:spine></opf:package>`;
  const texts = Object.fromEntries(
    bodies.map((body, at) => [`OEBPS/text/ch ${at}.xhtml`, typeof body === 'string' ? bytes(chapter(body)) : body]),
  );
  const parts = {
    'META-INF/container.xml': bytes(CONTAINER),
    'OEBPS/book.opf': bytes(opf),
    'OEBPS/nav.xhtml': bytes(chapter('<nav><ol><li>Contents</li></ol></nav>')),
  };
  return put(name, zipSync({ mimetype: bytes('application/epub+zip'), ...parts, ...texts, ...files }));
}

describe('EPUB', () => {
  test('is one document, its chapters in order and a blank line between paragraphs', async () => {
    expect(await readTexts(putBook('a.epub', ['<h1>One</h1><p>It was\n  dark.</p><p>Still.</p>', '<h2>Two</h2><p>Light.</p>']))).toEqual([
      'One\n\nIt was dark.\n\nStill.\n\nTwo\n\nLight.',
    ]);
  });

  test.each([
    ['entities', '<p>&#8220;a&nbsp;&amp;&mdash;b&rdquo;</p>', /^\u201ca.&\u2014b\u201d$/],
    ['verse', '<p>Roses<br/>Violets</p><div class="poem"><div>one</div><div>two</div></div>', /^Roses\nViolets\n\none\ntwo$/],
    ['code', '<pre>def f():\n    return 1</pre>', /^def f\(\):\n {4}return 1$/],
    [
      'raised marks of notes',
      '<p>word<sup><a href="#n1">1</a></sup>, <a epub:type="noteref" href="n.xhtml">*</a> x<sup>2</sup> <a href="#p">page 1</a></p>',
      /^word\[1\], \[\*\] x2 page 1$/,
    ],
    ['lists', '<ul><li>a</li><li>b</li></ul>', /^- a\n- b$/],
    ['terms', '<dl><dt>a</dt><dd>b</dd></dl>', /^a\nb$/],
    ['tables', '<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>', /^a\tb\nc\td$/],
    ['anchors and pictures', '<p>a<a id="x"/>b<img src="x" alt="ALT"/></p>', /^ab$/],
    ['readings beside signs', '<p><ruby>\u6f22<rt>kan</rt></ruby></p>', /^\u6f22$/],
    ['quotations', '<blockquote><p>a</p></blockquote><p>b</p>', /^a\n\nb$/],
  ])('keeps %s', async (_, body, expected) => expect((await readTexts(putBook('part.epub', [body])))[0]).toMatch(expected));

  test('is read in the encoding that a chapter declares', async () => {
    const cp1252 = Buffer.from('<?xml version="1.0" encoding="windows-1252"?><html><body><p>\x93\xe9\x94</p></body></html>', 'latin1');
    const utf16 = Buffer.from('\ufeff<?xml version="1.0" encoding="utf-16"?><html><body><p>\u00e9</p></body></html>', 'utf16le');
    expect(await readTexts(putBook('encodings.epub', [cp1252, utf16]))).toEqual(['\u201c\u00e9\u201d\n\n\u00e9']);
  });

  test('is read as browsers do where a chapter is not UTF-8', async () => {
    const meta = Buffer.from('<html><head><meta charset="iso-8859-2"/></head><body><p>\xb3</p></body></html>', 'latin1');
    const silent = Buffer.from('<html><body><p>\x93\xe9\x94</p></body></html>', 'latin1');
    const wrong = Buffer.from('<html><head><meta charset="iso-8859-1"/></head><body><p>\u00e9</p></body></html>');
    expect(await readTexts(putBook('charsets.epub', [meta, silent, wrong]))).toEqual(['\u0142\n\n\u201c\u00e9\u201d\n\n\u00e9']);
  });

  test('finds chapters of any name, capitals or not', async () => {
    const manifest =
      '<item id="p" href="One.Page" media-type="application/xhtml+xml"/><item id="q" href="two.xhtml" media-type="application/xhtml+xml"/>';
    const files = { 'OEBPS/One.Page': bytes(chapter('<p>One</p>')), 'OEBPS/Two.XHTML': bytes(chapter('<p>Two</p>')) };
    const { documents, notes } = await read(
      putBook('names.epub', [], { manifest, spine: '<itemref idref="p"/><itemref idref="q"/>', files }),
    );
    expect({ documents, notes }).toEqual({ documents: [{ text: 'One\n\nTwo' }], notes: [] });
  });

  test('has each chapter once, however often it is named', async () => {
    const manifest = '<item id="again" href="text/CH%200.XHTML#part" media-type="application/xhtml+xml"/>';
    const spine = '<itemref idref="again"/>'.repeat(5000);
    expect(await readTexts(putBook('repeated.epub', ['<p>a</p>', '<p>b</p>'], { manifest, spine }))).toEqual(['a\n\nb']);
  });

  test('leaves out what is not in its order, and says what it lacks', async () => {
    const manifest =
      '<item id="m" href="m.xhtml" media-type="application/xhtml+xml"/><item id="n" href="text/ch%200.xhtml" media-type="application/xhtml+xml"/>';
    const { documents, notes } = await read(
      putBook('missing.epub', ['<p>a</p>'], { manifest, spine: '<itemref idref="m"/><itemref idref="n" linear="no"/>' }),
    );
    expect(documents).toEqual([{ text: 'a' }]);
    expect(notes).toMatchObject([{ count: 1, first: expect.stringContaining('OEBPS/m.xhtml') }]);
  });

  const encryption = (algorithm: string): Zippable => ({
    'META-INF/encryption.xml': bytes(`<encryption><e:EncryptionMethod xmlns:e="x" Algorithm="${algorithm}"/></encryption>`),
  });
  test('with hidden fonts is read, with a lock it is refused', async () => {
    expect(await readTexts(putBook('fonts.epub', ['<p>a</p>'], { files: encryption('http://www.idpf.org/2008/embedding') }))).toEqual([
      'a',
    ]);
    await expect(
      read(putBook('locked.epub', ['<p>a</p>'], { files: encryption('http://www.w3.org/2001/04/xmlenc#aes128-cbc') })),
    ).rejects.toEqual(refused(/locked \(DRM\)/));
    await expect(read(putBook('apple.epub', ['<p>a</p>'], { files: { 'META-INF/sinf.xml': bytes('<a/>') } }))).rejects.toEqual(
      refused(/locked \(DRM\)/),
    );
  });

  test.each([
    ['no archive', bytes('hello'), /does not unpack/],
    ['another archive', zipSync({ 'a.txt': bytes('a') }), /lacks META-INF\/container\.xml/],
    ['nothing', bytes(''), /does not unpack/],
  ])('%s is refused', async (_, content, message) => expect(read(put('bad.epub', content))).rejects.toEqual(refused(message)));

  test('that unpacks to hundreds of megabytes, or is nested without end, is refused', async () => {
    const bomb = putBook('bomb.epub', ['<p>a</p>']);
    put('bomb.epub', claimSize(readFileSync(bomb), 'OEBPS/text/ch 0.xhtml', 257 << 20));
    await expect(read(bomb)).rejects.toEqual(refused(/unpacks to at most 256 MB/));
    await expect(read(putBook('deep.epub', ['<div>'.repeat(50_000)]))).rejects.toEqual(refused(/ch 0\.xhtml cannot be read/));
    await expect(read(putBook('empty.epub', ['<img src="cover.png"/>']))).rejects.toEqual(refused('nothing in'));
  });
});

/** A Word document of these paragraphs, in its own markup. */
function putWord(name: string, body: string, others: Zippable = {}): string {
  const main = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml';
  const types = `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="${main}"/></Types>`;
  const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
  const rels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="${office}/officeDocument" Target="word/document.xml"/></Relationships>`;
  const document = `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`;
  return put(
    name,
    zipSync({ '[Content_Types].xml': bytes(types), '_rels/.rels': bytes(rels), 'word/document.xml': bytes(document), ...others }),
  );
}
const paragraph = (text: string, properties = ''): string =>
  `<w:p>${properties}<w:r>${text
    .split(/([\n\t])/)
    .map((part) => (part === '\n' ? '<w:br/>' : part === '\t' ? '<w:tab/>' : `<w:t xml:space="preserve">${part}</w:t>`))
    .join('')}</w:r></w:p>`;

describe('Word', () => {
  test('keeps line breaks, tabs and spaces, and parts paragraphs by a blank line', async () => {
    expect(
      await readTexts(putWord('a.docx', paragraph('One  two,') + paragraph('Roses\nViolets\tblue') + paragraph('\u201cEnd.\u201d'))),
    ).toEqual(['One  two,\n\nRoses\nViolets\tblue\n\n\u201cEnd.\u201d']);
  });

  test('gives the lines of verse as they are parted', async () => {
    const lines = ['Roses are red', 'Violets are blue', '', 'Sugar is sweet'];
    expect(await readTexts(putWord('verse.docx', lines.map((line) => paragraph(line)).join('')))).toEqual([lines.join('\n')]);
  });

  test('keeps tables, leaves out what was deleted, and takes what was added', async () => {
    const cell = (text: string): string => `<w:tc>${paragraph(text)}</w:tc>`;
    const table = `<w:tbl><w:tr>${cell('a')}${cell('b')}</w:tr><w:tr>${cell('c')}${cell('d')}</w:tr></w:tbl>`;
    const changed = '<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>';
    expect(await readTexts(putWord('table.docx', table + changed))).toEqual(['a\tb\nc\td\n\nnew']);
  });

  test('numbers and marks the items of lists', async () => {
    const w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
    const level = (format: string): string => `<w:lvl w:ilvl="0"><w:numFmt w:val="${format}"/></w:lvl>`;
    const numbering = `<w:numbering ${w}><w:abstractNum w:abstractNumId="1">${level('decimal')}</w:abstractNum><w:abstractNum w:abstractNumId="2">${level('bullet')}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num></w:numbering>`;
    const item = (text: string, id: number): string =>
      paragraph(text, `<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="${id}"/></w:numPr></w:pPr>`);
    const parts = { 'word/numbering.xml': bytes(numbering) };
    expect(
      await readTexts(putWord('lists.docx', item('a', 1) + item('b', 1) + paragraph('between') + item('c', 2) + item('d', 2), parts)),
    ).toEqual(['1. a\n2. b\n\nbetween\n\n- c\n- d']);
  });

  test.each([
    ['no archive', bytes('hello'), /does not unpack/],
    [
      'an old document or one with a password',
      Buffer.from('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'.padEnd(600, '\0'), 'latin1'),
      /old Office document or one with a password/,
    ],
    ['another archive', zipSync({ 'a.txt': bytes('a') }), /without a Word document/],
    ['markup that is none', zipSync({ '[Content_Types].xml': bytes('<a/>'), 'word/document.xml': bytes('<w><open') }), /cannot be read/],
    [
      'what unpacks to too much',
      claimSize(zipSync({ 'word/document.xml': bytes('<a/>') }), 'word/document.xml', 65 << 20),
      /unpacks to at most 64 MB/,
    ],
  ])('%s is refused', async (_, content, message) => expect(read(put('bad.docx', content))).rejects.toEqual(refused(message)));

  test('without text is nothing', async () => {
    await expect(read(putWord('empty.docx', paragraph('')))).rejects.toEqual(refused('nothing in'));
  });
});
