import { join } from 'node:path';
import { readdir } from '../file-system.ts';
import { locateData } from '../hub/locate.ts';
import { DataNotes } from './data-notes.ts';
import { isHyperfitError } from '../errors.ts';
import type { Document } from './document.ts';
import { csvRows } from './readers/csv.ts';
import { readBytes, statData } from './readers/data-file.ts';
import { readDocx } from './readers/docx.ts';
import { decodeUtf8 } from './readers/encoding.ts';
import { readEpub } from './readers/epub.ts';
import { findKind, KNOWN_FILES, needKind, type KnownFile } from './readers/file-kind.ts';
import { jsonFileRows, jsonLines } from './readers/json-rows.ts';
import { parquetRows } from './readers/parquet.ts';
import { refuseData } from './readers/refusal.ts';
import { readRows } from './readers/rows.ts';
import { readTextDocument } from './readers/text.ts';

/**
 * The documents of a data path, one after the other: a text or a book is one, so is each line or row of a file of such, and a folder is its
 * known files in the order of their names. A name of the hub (`org/name`, `hf:datasets/org/name:split`) stands for its files; see
 * `locateData`. Files of lines and rows are read in pieces, whatever their size. What is left out is counted in `notes`.
 * @throws HyperfitError ERR_DATA for a path that cannot be read, a file of another kind or encoding, bad lines (by number, after
 *   the good ones), and data without any content; ERR_FETCH for a name of the hub that cannot be fetched, ERR_CONFIG for one that cannot be
 *   a name
 *
 * @example
 * const notes = new DataNotes();
 * for await (const document of streamDocuments('large.jsonl', notes)) {
 *   if ('text' in document) console.log(document.source, document.text.length);
 * }
 */
export async function* streamDocuments(path: string, notes: DataNotes): AsyncGenerator<Document> {
  let isEmpty = true;
  for (const file of await locateData(path)) {
    for await (const document of readPath(file, notes)) {
      isEmpty = false;
      yield document;
    }
  }
  if (isEmpty) throw refuseData(`${KNOWN_FILES}, with content`, `nothing in ${path}${renderNotes(notes)}`, 'give texts or dialogues');
}

/**
 * All documents of a data path at once; see `streamDocuments`.
 * @throws HyperfitError as `streamDocuments`
 *
 * @example
 * const documents = await readDocuments('chapters/');
 * console.log(documents.length, documents[0]?.source);
 */
export async function readDocuments(path: string, notes = new DataNotes()): Promise<Document[]> {
  const documents: Document[] = [];
  for await (const document of streamDocuments(path, notes)) documents.push(document);
  return documents;
}

function renderNotes(notes: DataNotes): string {
  const listed = notes.notes.map(({ what, count }) => `${count} ${what}`);
  return listed.length === 0 ? '' : ` (${listed.join('; ')})`;
}

async function* readPath(path: string, notes: DataNotes): AsyncGenerator<Document> {
  if ((await statData(path)).isDirectory()) yield* readFolder(path, notes);
  else yield* readKnown(path, needKind(path), notes);
}

/** Folders within the folder may be anything, such as runs, and are left alone; so is what speaks about the data. */
async function* readFolder(folder: string, notes: DataNotes): AsyncGenerator<Document> {
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw refuseData(KNOWN_FILES, `${folder}, which cannot be listed`, 'check that it may be read', cause);
  });
  for (const name of entries.sort()) {
    const path = join(folder, name);
    const isAside = name.startsWith('.') || /^readme\./i.test(name);
    const isFolder = !isAside && (await statData(path)).isDirectory();
    const kind = isAside || isFolder ? undefined : findKind(name);
    if (kind !== undefined) yield* readFileOf(path, kind, notes);
    else notes.add(isFolder ? 'folders within the folder were not read' : 'other files of the folder were not read', path);
  }
}

async function* readFileOf(path: string, known: KnownFile, notes: DataNotes): AsyncGenerator<Document> {
  let isEmpty = true;
  for await (const document of readKnown(path, known, notes)) {
    isEmpty = false;
    yield document;
  }
  if (isEmpty) notes.add('files of the folder had nothing in them', path);
}

/** Libraries throw what they like at files that are nested deeper than a stack, or longer than a string. */
async function* readKnown(path: string, known: KnownFile, notes: DataNotes): AsyncGenerator<Document> {
  try {
    yield* readKind(path, known, notes);
  } catch (cause) {
    if (isHyperfitError(cause)) throw cause;
    throw refuseData(
      'a file that can be read',
      `${path}, which cannot (${String((cause as Error).message).slice(0, 200)})`,
      'write it anew',
      cause,
    );
  }
}

async function* readKind(path: string, { kind, isGzip }: KnownFile, notes: DataNotes): AsyncGenerator<Document> {
  switch (kind) {
    case 'text':
      return yield* present(await readTextDocument(path, isGzip));
    case 'epub':
      return yield* present(await readEpub(path, notes));
    case 'docx':
      return yield* present(await readDocx(path));
    case 'parquet':
      return yield* readRows(parquetRows(path, notes), path, 'row', notes);
    default:
      return yield* readRows(readTextRows(path, kind, isGzip, notes), path, kind === 'jsonl' ? 'line' : 'row', notes);
  }
}

function* present(document: Document | undefined): Generator<Document> {
  if (document !== undefined) yield document;
}

function readTextRows(
  path: string,
  kind: 'jsonl' | 'json' | 'csv' | 'tsv',
  isGzip: boolean,
  notes: DataNotes,
): ReturnType<typeof jsonLines> {
  const pieces = decodeUtf8(readBytes(path, { isGzip }), path);
  if (kind === 'jsonl') return jsonLines(pieces, path);
  if (kind === 'json') return jsonFileRows(pieces, path);
  return csvRows(pieces, path, kind === 'csv' ? ',' : '\t', notes);
}
