import { basename } from 'node:path';
import { refuseData } from './refusal.ts';

/** How a file is read. */
export type FileKind = 'text' | 'jsonl' | 'json' | 'csv' | 'tsv' | 'parquet' | 'epub' | 'docx';
export interface KnownFile {
  kind: FileKind;
  isGzip: boolean;
}

const KINDS: Readonly<Record<string, FileKind>> = {
  txt: 'text',
  text: 'text',
  md: 'text',
  markdown: 'text',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'json',
  csv: 'csv',
  tsv: 'tsv',
  parquet: 'parquet',
  epub: 'epub',
  docx: 'docx',
};
// The others are compressed already, and are read from more than one place.
const STREAMED: readonly FileKind[] = ['text', 'jsonl', 'json', 'csv', 'tsv'];

const PANDOC = (name: string): string => `convert it, as with \`pandoc ${name} -t plain --wrap=none -o ${stem(name)}.txt\``;
const UNPACK = (): string => 'unpack it and give the folder';
const SAVE_CSV = (): string => 'save it as .csv or .parquet';
const REMEDIES: readonly [extensions: string, remedy: (name: string) => string][] = [
  ['odt rtf html htm xhtml fb2 tex rst org docm latex', PANDOC],
  ['doc dot wpd wps pages abw', (name) => `save it as .docx, as with \`soffice --convert-to docx ${name}\``],
  ['pdf ps djvu', (name) => `take its text out, as with \`pdftotext ${name} ${stem(name)}.txt\`, and read that through`],
  ['mobi azw azw3 kfx lit', (name) => `convert it, as with Calibre's \`ebook-convert ${name} ${stem(name)}.epub\``],
  ['xls xlsx xlsm ods numbers', SAVE_CSV],
  ['arrow feather orc avro sqlite db pkl pickle npy npz pt bin safetensors', () => 'save it as .parquet or .jsonl'],
  ['zip tar tgz 7z rar', UNPACK],
  ['zst', (name) => `unpack it, as with \`zstd -d ${name}\``],
  ['xz', (name) => `unpack it, as with \`xz -dk ${name}\``],
  ['bz2', (name) => `unpack it, as with \`bunzip2 -k ${name}\``],
  ['yaml yml xml toml', () => 'save it as .jsonl, or rename it to .txt to take it as text'],
];

export const KNOWN_FILES =
  'a .txt, .md, .epub or .docx file, a .jsonl, .json, .csv, .tsv or .parquet file of texts or dialogues (.gz too), or a folder of such files';

/** How a file of this name is read; undefined for none that is known. */
export function findKind(path: string): KnownFile | undefined {
  const extensions = basename(path).toLowerCase().split('.').slice(1);
  const isGzip = extensions.at(-1) === 'gz';
  const kind = lookUp(KINDS, extensions.at(isGzip ? -2 : -1));
  return kind === undefined || (isGzip && !STREAMED.includes(kind)) ? undefined : { kind, isGzip };
}

/** @throws HyperfitError ERR_DATA, with what to do about this kind of file, where it is none that is known */
export function needKind(path: string): KnownFile {
  const known = findKind(path);
  if (known !== undefined) return known;
  throw refuseData(KNOWN_FILES, path, remedyFor(path));
}

function remedyFor(path: string): string {
  const name = basename(path);
  const extension = name.toLowerCase().split('.').slice(1).at(-1);
  if (extension === 'gz') return `unpack it, as with \`gunzip -k ${name}\``;
  const known = REMEDIES.find(([extensions]) => extension !== undefined && extensions.split(' ').includes(extension));
  return known === undefined ? 'rename it or convert it to one of these' : known[1](name);
}

function stem(name: string): string {
  return name.replace(/\.[^.]*$/, '');
}

function lookUp<T>(record: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
  return key !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
