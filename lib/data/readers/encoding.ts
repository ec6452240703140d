import { isAscii, isUtf8 } from 'node:buffer';
import { basename } from 'node:path';
import { guessEncoding } from './encoding-guess.ts';
import { findMagic } from './file-magic.ts';
import { refuseData } from './refusal.ts';
import { findMark, findWide } from './wide-encoding.ts';
import { scanUtf8 } from './utf8-scan.ts';

const SAMPLE_BYTES = 1 << 18;

interface Position {
  /** Bytes before the piece at hand. */
  bytes: number;
  lines: number;
  hasMultibyte: boolean;
}

/**
 * The text of bytes that come in pieces, each piece of whole characters; byte-order marks at the start of lines are passed over
 * (`cat` leaves them in the middle of a file).
 * @throws HyperfitError ERR_DATA for other encodings and for what is no text, named as far as the bytes tell, with the place
 */
export async function* decodeUtf8(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<string> {
  const iterator = chunks[Symbol.asyncIterator]();
  const position: Position = { bytes: 0, lines: 1, hasMultibyte: false };
  let rest: Buffer = Buffer.alloc(0);
  let atLineStart = true;
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      const bytes = rest.length === 0 ? asBuffer(next.value) : Buffer.concat([rest, next.value]);
      // The first bytes tell what a file is, so there have to be some.
      const whole = position.bytes === 0 && bytes.length < 16 ? 0 : bytes.length - cutLength(bytes);
      const piece = bytes.subarray(0, whole);
      await checkText(piece, position, path, () => takeSample(bytes, iterator));
      rest = bytes.subarray(whole);
      const text = dropMarks(piece.toString('utf8'), atLineStart);
      if (text !== '') yield text;
      if (piece.length > 0) atLineStart = isBreak(piece.at(-1)!);
    }
    await checkText(rest, position, path, async () => rest);
    if (rest.length > 0) yield dropMarks(rest.toString('utf8'), atLineStart);
  } finally {
    await iterator.return?.();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How many bytes at the end begin a character that goes on after them. */
function cutLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}

function dropMarks(text: string, atLineStart: boolean): string {
  if (!text.includes('\ufeff')) return text;
  return text.replace(/(^|[\n\r])\ufeff+/g, (mark, before: string, at: number) =>
    at === 0 && before === '' && !atLineStart ? mark : before,
  );
}

function isBreak(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d;
}

async function checkText(piece: Buffer, position: Position, path: string, sample: () => Promise<Buffer>): Promise<void> {
  if (!isUtf8(piece) || piece.includes(0)) throw notText(await sample(), position, path);
  if (position.bytes === 0) checkStart(piece, path);
  position.hasMultibyte ||= !isAscii(piece);
  position.bytes += piece.length;
  for (let at = piece.indexOf(0x0a); at !== -1; at = piece.indexOf(0x0a, at + 1)) position.lines += 1;
}

function checkStart(piece: Buffer, path: string): void {
  if (piece.includes('\x1b$B') || piece.includes('\x1b$@'))
    throw refuseData('UTF-8 text', `ISO-2022-JP in ${path}`, convert('ISO-2022-JP', path));
  const magic = findMagic(piece, path, { isText: true });
  if (magic !== undefined) throw refuseData('UTF-8 text', `${magic.name} in ${path}`, magic.remedy);
}

async function takeSample(bytes: Buffer, iterator: AsyncIterator<Uint8Array>): Promise<Buffer> {
  const parts = [bytes];
  let length = bytes.length;
  while (length < SAMPLE_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    parts.push(asBuffer(next.value));
    length += next.value.length;
  }
  return Buffer.concat(parts);
}

function notText(sample: Buffer, position: Position, path: string): Error {
  const got = (what: string, remedy: string): Error => refuseData('UTF-8 text', `${what} in ${path}`, remedy);
  if (position.bytes === 0) {
    const marked = findMark(sample);
    const magic = marked === undefined ? findMagic(sample, path, { isText: false }) : undefined;
    if (magic !== undefined) return got(magic.name, magic.remedy);
    const wide = marked ?? findWide(sample);
    if (wide !== undefined) return got(wide, convert(wide, path));
  }
  const nul = sample.indexOf(0);
  if (nul !== -1) return got(`binary data (a NUL byte at byte ${position.bytes + nul})`, 'give text');
  const scan = scanUtf8(sample);
  const line = position.lines + sample.subarray(0, scan.firstBad).filter((byte) => byte === 0x0a).length;
  const place = `at byte ${position.bytes + scan.firstBad}, line ${line}`;
  const hasGood = position.hasMultibyte || scan.good > 0;
  if (scan.isCut && (hasGood || scan.bad > 1))
    return got(`a file that ends within a character (${place})`, 'fetch the file again, or remove what stands there');
  if (scan.isHalf) return got(`half of a surrogate pair (${place})`, leaveOut(path));
  if (hasGood && (position.hasMultibyte || scan.good >= scan.bad)) {
    return got(`some other bytes (the first ${place})`, leaveOut(path));
  }
  const guess = guessEncoding(sample);
  return got(`${guess.what} (the first such byte ${place})`, convert(guess.name, path));
}

function leaveOut(path: string): string {
  const file = basename(path);
  return `correct this line, or leave such bytes out, as with \`iconv -c -f UTF-8 -t UTF-8 ${file} > utf8-${file}\``;
}

function convert(name: string | undefined, path: string): string {
  const file = basename(path);
  const remedy = `convert it, as with \`iconv -f ${name ?? 'ENCODING'} -t UTF-8 ${file} > utf8-${file}\``;
  return name === undefined ? `${remedy}, where ENCODING is the name of its encoding` : remedy;
}
