import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { DataNotes } from './data-notes.ts';
import type { Document } from './document.ts';
import { parseDocumentLines } from './document-lines.ts';

const KNOWN_FILES = 'a .txt file, a .jsonl file of {"text": ...}, {"ids": [...]} or {"messages": [...]} lines, or a folder of such files';

/**
 * Reads a data path: a .txt file is one document, each line of a .jsonl file is one, a folder is its .txt and .jsonl files in
 * the order of their names (other files are passed over). What is left out is counted in `notes`.
 * @throws HyperfitError ERR_DATA for a path that cannot be read, a file that is not UTF-8, bad lines (by number, after the good
 *   ones), and data without any content
 */
export async function* streamDocuments(path: string, _notes: DataNotes): AsyncGenerator<Document> {
  const documents = await readPath(path);
  yield* documents;
  if (documents.length === 0) throw new HyperfitError('ERR_DATA', `expected ${KNOWN_FILES} with content for \`data\`, got nothing in ${path}; check the path`);
}

/** All documents of a data path at once; see `streamDocuments`. */
export async function readDocuments(path: string, notes = new DataNotes()): Promise<Document[]> {
  const documents: Document[] = [];
  for await (const document of streamDocuments(path, notes)) documents.push(document);
  return documents;
}

async function readPath(path: string): Promise<Document[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new HyperfitError('ERR_DATA', `expected ${KNOWN_FILES} for \`data\`, got ${path}, which cannot be read; check the path`, { cause });
  });
  if (info.isDirectory()) return readFolder(path);
  if (isDataFile(path)) return readDataFile(path);
  throw new HyperfitError('ERR_DATA', `expected ${KNOWN_FILES} for \`data\`, got ${path}; rename it or convert it to one of these`);
}

async function readFolder(folder: string): Promise<Document[]> {
  const names = (await readdir(folder)).filter(isDataFile).sort();
  const documents: Document[] = [];
  for (const name of names) documents.push(...(await readDataFile(join(folder, name))));
  return documents;
}

function isDataFile(path: string): boolean {
  return ['.txt', '.jsonl'].includes(extname(path).toLowerCase());
}

async function readDataFile(path: string): Promise<Document[]> {
  const text = await readText(path);
  if (extname(path).toLowerCase() === '.jsonl') return parseDocumentLines(text, path);
  return text.trim() === '' ? [] : [{ source: path, text }];
}

/** A file's text without byte-order mark and with `\n` line ends. Throws ERR_DATA, naming the file, when it is not UTF-8. */
export async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new HyperfitError('ERR_DATA', `expected a readable file for \`data\`, got ${path}; check that it exists and may be read`, { cause });
  });
  return decodeText(bytes, path).replaceAll('\r\n', '\n').replaceAll('\r', '\n');
}

function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HyperfitError('ERR_DATA', `expected UTF-8 text for \`data\`, got other bytes in ${path}; convert it, as with \`iconv -f LATIN1 -t UTF-8\``, { cause });
  }
}
