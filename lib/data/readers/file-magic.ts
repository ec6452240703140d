import { basename } from 'node:path';

const MAGIC: readonly [bytes: string, name: string, remedy?: (name: string) => string][] = [
  ['%PDF-', 'a PDF document', (name) => `take its text out, as with \`pdftotext ${name} out.txt\``],
  ['{\\rtf', 'an RTF document', (name) => `convert it, as with \`pandoc -f rtf ${name} -t plain --wrap=none -o out.txt\``],
  ['PK\x03\x04', 'a zip archive (.docx, .epub and .xlsx are such)', () => 'name it by what it is, or unpack it'],
  ['\xd0\xcf\x11\xe0', 'an old Microsoft Office document, or one with a password', () => 'save it as .docx without a password'],
  ['\x1f\x8b', 'a gzip file', (name) => `name it ${name}.gz`],
  ['BZh', 'a bzip2 file'],
  ['\xfd7zXZ', 'an xz file'],
  ['\x28\xb5\x2f\xfd', 'a zstd file'],
  ['7z\xbc\xaf', 'a 7z archive'],
  ['Rar!', 'a RAR archive'],
  ['PAR1', 'a parquet file', () => 'name it .parquet'],
  ['ARROW1', 'an Arrow file', () => 'save it as .parquet'],
  ['SQLite format 3', 'an SQLite database', () => 'save the table as .csv'],
  ['GGUF', 'a GGUF model', () => 'give it as the model'],
  ['\x89PNG', 'a PNG image'],
  ['\xff\xd8\xff', 'a JPEG image'],
  ['GIF8', 'a GIF image'],
  ['RIFF', 'a sound or an image (RIFF)'],
  ['ID3', 'an MP3 file'],
  ['\x7fELF', 'a program'],
  ['\x93NUMPY', 'a NumPy array', () => 'save the ids as .jsonl of {"ids": [...]}'],
];

// These are text by their bytes, and still nothing to train on.
const WRITTEN: readonly string[] = ['%PDF-', '{\\rtf'];

/**
 * What a file that should be text is by its first bytes, and what to do about it; undefined for none that is known. Of what
 * reads as text (`isText`) only the kinds that nobody begins a text with.
 */
export function findMagic(bytes: Uint8Array, path: string, { isText }: { isText: boolean }): { name: string; remedy: string } | undefined {
  const start = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
  const found = MAGIC.find(([magic]) => start.startsWith(magic) && (!isText || WRITTEN.includes(magic)));
  if (found === undefined) return undefined;
  const [, name, remedy = () => 'give its text'] = found;
  return { name, remedy: remedy(basename(path)) };
}
