import { posix } from 'node:path';
import type { DataNotes } from '../data-notes.ts';
import type { TextDocument } from '../document.ts';
import { decodeMarkup, renderChapter } from './epub-chapter.ts';
import { refuseData } from './refusal.ts';
import { requireFlatXml } from './xml-depth.ts';
import { unzip } from './zip.ts';

const WHAT = 'an .epub file';
const MAX_MARKUP_BYTES = 2 ** 28;
// A chapter may have any name; what is heavy and never one stays packed.
const MEDIA = /\.(jpe?g|png|gif|svgz?|webp|bmp|tiff?|avif|ttf|otf|woff2?|css|js|mp[34]|m4[abv]|aac|ogg|wav|webm|smil|pdf)$/i;
const CONTAINER = 'META-INF/container.xml';
const MARKUP = ['application/xhtml+xml', 'text/html', 'text/x-oeb1-document', 'application/x-dtbook+xml'];
// What these name hides fonts alone.
const FONT_ENCRYPTION = ['http://www.idpf.org/2008/embedding', 'http://ns.adobe.com/pdf/enc#RC'];

/**
 * The text of a book as one document: its files are cut where the program that made it liked, often within chapters, and windows of
 * training never cross from one document into another. Chapters follow in the book's order, a blank line between paragraphs; tables of
 * contents are left out. Nothing for a book without text.
 * @throws HyperfitError ERR_DATA for a damaged file, and for a book that is locked (DRM)
 */
export async function readEpub(path: string, notes: DataNotes): Promise<TextDocument | undefined> {
  const files = await unzip(path, WHAT, MAX_MARKUP_BYTES, (name) => !MEDIA.test(name));
  await checkLock(files, path);
  // Written on a system that tells no capitals apart.
  const namesInLowerCase = new Map([...files.keys()].map((name) => [name.toLowerCase(), name]));
  const chapters: string[] = [];
  const read = new Set<Uint8Array>();
  for (const name of await readSpine(files, path)) {
    const bytes = files.get(name) ?? files.get(namesInLowerCase.get(name.toLowerCase()) ?? '');
    if (bytes === undefined) {
      notes.add('chapters that a book names were not in it', `${path}:${name}`);
      continue;
    }
    // A book may name a chapter once; some bytes could name it a million times.
    if (read.has(bytes)) continue;
    read.add(bytes);
    const text = await renderChapter(decodeMarkup(bytes)).catch((cause: unknown) => {
      throw refuseData(WHAT, `${path}, whose ${name} cannot be read (${(cause as Error).message})`, 'convert it anew with Calibre', cause);
    });
    if (text !== '') chapters.push(text);
  }
  return chapters.length === 0 ? undefined : { source: path, text: chapters.join('\n\n') };
}

async function parseXml(bytes: Uint8Array, path: string) {
  const text = decodeMarkup(bytes);
  requireFlatXml(text, WHAT, path);
  const { parseDocument, DomUtils } = await import('htmlparser2');
  const document = parseDocument(text, { xmlMode: true });
  // Prefixes of names are the writer's choice.
  const all = (name: string) => DomUtils.findAll((element) => element.name.replace(/^.*:/, '').toLowerCase() === name, document.children);
  return { all };
}

async function checkLock(files: ReadonlyMap<string, Uint8Array>, path: string): Promise<void> {
  const encryption = files.get('META-INF/encryption.xml');
  const methods =
    encryption === undefined
      ? []
      : (await parseXml(encryption, path)).all('encryptionmethod').map(({ attribs }) => attribs['Algorithm'] ?? '');
  if (!files.has('META-INF/sinf.xml') && methods.every((method) => FONT_ENCRYPTION.includes(method))) return;
  throw refuseData(WHAT, `${path}, a book that is locked (DRM)`, 'give one without a lock, as many shops sell, or its text');
}

/** The names of the chapters in reading order. */
async function readSpine(files: ReadonlyMap<string, Uint8Array>, path: string): Promise<string[]> {
  const container = files.get(CONTAINER);
  const root = container && (await parseXml(container, path)).all('rootfile').map(({ attribs }) => attribs['full-path'])[0];
  const bytes = root === undefined ? undefined : files.get(root);
  if (root === undefined || bytes === undefined)
    throw refuseData(WHAT, `${path}, which lacks ${root ?? CONTAINER}`, 'fetch it again, or convert it anew with Calibre');
  const book = await parseXml(bytes, path);
  const items = new Map(book.all('item').map(({ attribs }) => [attribs['id'], attribs]));
  const contents = new Set(
    book
      .all('reference')
      .filter(({ attribs }) => attribs['type'] === 'toc')
      .map(({ attribs }) => toName(root, attribs['href'])),
  );
  const names = book
    .all('itemref')
    .filter(({ attribs }) => attribs['linear'] !== 'no')
    .flatMap(({ attribs }) => {
      const item = items.get(attribs['idref']);
      const isText =
        item !== undefined && MARKUP.includes(item['media-type'] ?? '') && !(item['properties'] ?? '').split(/\s+/).includes('nav');
      return isText ? [toName(root, item['href'])] : [];
    });
  if (book.all('itemref').length === 0) throw refuseData(WHAT, `${path}, whose ${root} names no chapters`, 'convert it anew with Calibre');
  // A book in one file names that file as its contents too.
  const isContents = names.every((name) => contents.has(name));
  return isContents ? names : names.filter((name) => !contents.has(name));
}

function toName(root: string, href = ''): string {
  const plain = href.replace(/#.*$/, '');
  try {
    return posix.join(posix.dirname(root), decodeURIComponent(plain));
  } catch {
    return posix.join(posix.dirname(root), plain);
  }
}
