import type { TextDocument } from '../document.ts';
import { readBytes, statData } from './data-file.ts';
import { decodeUtf8 } from './encoding.ts';
import { formatBytes, refuseData } from './refusal.ts';

/** Bytes of a text file, which is one document: it is tokenised whole, at some forty times its size in memory. */
export const MAX_TEXT_BYTES = 2 ** 28;

/**
 * A text file as one document, its line ends as \n; nothing for one without text.
 * @throws HyperfitError ERR_DATA as `readBytes` and `decodeUtf8`, and for a file that is too large to be one document
 */
export async function readTextDocument(path: string, isGzip: boolean): Promise<TextDocument | undefined> {
  const text = await readText(path, isGzip);
  return text.trim() === '' ? undefined : { source: path, text };
}

/** The text of a file, without byte-order marks. Throws as `readTextDocument`. */
export async function readText(path: string, isGzip = false): Promise<string> {
  // A large file is refused before it is read, a compressed one as soon as it has become too large.
  if (!isGzip) checkLength((await statData(path)).size, path);
  const pieces: string[] = [];
  for await (const piece of decodeUtf8(bounded(readBytes(path, { isGzip }), path), path)) pieces.push(piece);
  return pieces.join('').replaceAll('\r\n', '\n').replaceAll('\r', '\n');
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    checkLength(bytes, path);
    yield chunk;
  }
}

function checkLength(bytes: number, path: string): void {
  if (bytes <= MAX_TEXT_BYTES) return;
  const remedy =
    'split it, as with `split -C 100M --additional-suffix=.txt`, into files of a folder, or make lines of {"text": ...} of it in a .jsonl file';
  throw refuseData(
    `a text of at most ${formatBytes(MAX_TEXT_BYTES)}`,
    `${formatBytes(bytes)} or more in ${path}`,
    `it would be one document, which is tokenised whole: ${remedy}`,
  );
}
