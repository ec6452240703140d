import { isUtf8 } from 'node:buffer';
import { decodeWindows1252 } from './encoding-guess.ts';

/** What is looked at of an element or a text. */
interface MarkupNode {
  type: string;
  name?: string;
  data?: string;
  attribs?: Record<string, string>;
  parent: MarkupNode | null;
  children?: MarkupNode[];
}

/** The text of XML or HTML, by its byte-order mark or the encoding that it declares; UTF-8 otherwise. */
export function decodeMarkup(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 256)).toString('latin1');
  const mark = start.startsWith('\xff\xfe') ? 'utf-16le' : start.startsWith('\xfe\xff') ? 'utf-16be' : undefined;
  const declared = /encoding=["']([\w-]+)["']/i.exec(start)?.[1] ?? (isUtf8(bytes) ? 'utf-8' : charsetOf(bytes));
  const label = mark ?? knownLabel(declared);
  return label === 'windows-1252' ? decodeWindows1252(bytes) : new TextDecoder(label).decode(bytes);
}

/** What a page says of itself, where it is not the UTF-8 that books are meant to be in; browsers take it for windows-1252 otherwise. */
function charsetOf(bytes: Uint8Array): string {
  return /charset=["']?([\w-]+)/i.exec(Buffer.from(bytes.subarray(0, 4096)).toString('latin1'))?.[1] ?? 'windows-1252';
}

function knownLabel(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return 'utf-8';
  }
}

// Far above what pages have; reading takes the square of it.
const MAX_NESTING = 5000;

// These end by themselves, or where the next begins.
const FLAT = ['br', 'hr', 'img', 'p', 'li', 'dt', 'dd', 'td', 'th', 'tr', 'col', 'meta', 'link', 'input', 'wbr'];

/** How many elements are open at once at most, those that never close included. */
function nestingOf(markup: string): number {
  let [depth, most, end] = [0, 0, 0];
  for (let at = markup.indexOf('<'); at !== -1; at = markup.indexOf('<', at + 1)) {
    const [, slash, name = ''] = /^(\/?)([a-z]+)/i.exec(markup.slice(at + 1, at + 16)) ?? [];
    if (name === '' || FLAT.includes(name.toLowerCase())) continue;
    // Looked for once, however many tags lack it.
    if (end !== -1 && end <= at) end = markup.indexOf('>', at);
    if (slash === '/') depth -= 1;
    else if (markup[end - 1] !== '/') depth += 1;
    most = Math.max(most, depth);
  }
  return most;
}

const SKIPPED = ['head', 'script', 'style', 'nav', 'svg', 'rt', 'rp'];

/** The text of a chapter: a blank line between paragraphs, headings on lines of their own, verse as it is broken, marks of notes as [1]. */
export async function renderChapter(markup: string): Promise<string> {
  const { parseDocument, DomUtils } = await import('htmlparser2');
  const { convert } = await import('html-to-text');
  if (nestingOf(markup) > MAX_NESTING) throw new Error('its elements are nested too deeply');
  // Such books are XML, in which <title/> and <script/> are whole elements: read as HTML they would swallow the chapter.
  const document = parseDocument(markup, { recognizeSelfClosing: true });
  dropSkipped(document);
  for (const mark of DomUtils.findAll(isNoteMark, document.children)) bracket(mark);
  return convert(DomUtils.getOuterHTML(document), OPTIONS).replaceAll('\t\n', '\n').trim();
}

/** One by one they would be looked for among those beside them. */
function dropSkipped(document: MarkupNode): void {
  const open = [document];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.children === undefined) continue;
    node.children = node.children.filter(({ name }) => name === undefined || !SKIPPED.includes(name));
    for (const child of node.children) if (child.children !== undefined) open.push(child);
  }
}

/** A reference to a note: declared as one, or a raised link of few signs. */
function isNoteMark({ name, attribs = {}, parent, children = [] }: MarkupNode): boolean {
  if (name !== 'a') return false;
  if (/\bnoteref\b/.test(`${attribs['epub:type'] ?? ''} ${attribs['role'] ?? ''}`)) return true;
  const isRaised = [parent, ...children].some((node) => node?.name === 'sup');
  const text = children
    .flatMap(textsOf)
    .map(({ data }) => data)
    .join('');
  return isRaised && (attribs['href'] ?? '').includes('#') && /^\s*[\p{L}\d*\u2020\u2021\u00a7]{1,4}\s*$/u.test(text);
}

/** "word1" would be another word. */
function bracket(mark: MarkupNode): void {
  const texts = textsOf(mark).filter(({ data = '' }) => data.trim() !== '');
  const text = texts.map(({ data = '' }) => data.trim()).join('');
  for (const [index, each] of texts.entries()) each.data = index > 0 ? '' : /^[[(].*[\])]$/.test(text) ? text : `[${text}]`;
}

function textsOf(node: MarkupNode): MarkupNode[] {
  return node.type === 'text' ? [node] : (node.children ?? []).flatMap(textsOf);
}

const HEADING = { options: { uppercase: false, leadingLineBreaks: 2, trailingLineBreaks: 2 } };

const OPTIONS = {
  wordwrap: false as const,
  limits: { maxInputLength: 2 ** 28 },
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'skip' },
    { selector: 'hr', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, ...HEADING })),
    { selector: 'ul', options: { itemPrefix: '- ' } },
    // Not as in mail, with > before each line.
    { selector: 'blockquote', format: 'block', options: { leadingLineBreaks: 2, trailingLineBreaks: 2 } },
    { selector: 'tr', format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    ...['dt', 'dd'].map((selector) => ({ selector, format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } })),
    ...['td', 'th'].map((selector) => ({ selector, format: 'inlineSurround', options: { suffix: '\t' } })),
  ],
};
