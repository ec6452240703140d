import type { TextDocument } from '../document.ts';
import { refuseData } from './refusal.ts';
import { requireStrictXml } from './strict-xml.ts';
import { renderWordDocument, type WordElement } from './word-text.ts';
import { requireFlatXml } from './xml-depth.ts';
import { unzip } from './zip.ts';

const WHAT = 'a .docx file';
// Its tree takes many times as much.
const MAX_XML_BYTES = 2 ** 26;

/**
 * The text of a Word document. Nothing for one without text.
 * @throws HyperfitError ERR_DATA for a damaged file, or one with a password
 */
export async function readDocx(path: string): Promise<TextDocument | undefined> {
  // Pictures stay packed.
  const parts = await unzip(path, WHAT, MAX_XML_BYTES, (name) => /\.(xml|rels)$/i.test(name));
  if (!parts.has('word/document.xml') && !parts.has('[Content_Types].xml'))
    throw refuseData(WHAT, `${path}, a zip archive without a Word document`, 'name it by what it is, or unpack it');
  for (const bytes of parts.values()) {
    const xml = Buffer.from(bytes).toString('utf8');
    requireStrictXml(xml, WHAT, path);
    requireFlatXml(xml, WHAT, path);
  }
  const text = renderWordDocument(await parseWord(parts, path));
  return text.trim() === '' ? undefined : { source: path, text };
}

/** The library's raw text has no line breaks, so verse would run together: its tree has them. */
async function parseWord(parts: ReadonlyMap<string, Uint8Array>, path: string): Promise<WordElement> {
  const { default: mammoth } = await import('mammoth');
  const { zipSync } = await import('fflate');
  let document: WordElement | undefined;
  const transformDocument = (element: WordElement): WordElement => (document = element);
  const convertImage = mammoth.images.imgElement(async () => ({ src: '' }));
  try {
    await mammoth.convertToHtml(
      { buffer: Buffer.from(zipSync(Object.fromEntries(parts), { level: 0 })) },
      { transformDocument, convertImage },
    );
  } catch (cause) {
    throw refuseData(
      WHAT,
      `${path}, which cannot be read (${(cause as Error).message.split('\n', 1)[0]!})`,
      'open it in Word or LibreOffice and save it again',
      cause,
    );
  }
  return document!;
}
