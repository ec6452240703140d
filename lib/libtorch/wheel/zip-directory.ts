import type { ByteSource } from './byte-source.ts';

/** A file of a zip archive, as its central directory lists it; offsets and sizes in bytes. */
export interface ZipEntry {
  name: string;
  /** 0 stored, 8 deflated. */
  method: number;
  encrypted: boolean;
  compressedBytes: number;
  bytes: number;
  /** Where its local header begins. */
  offset: number;
  /** Where the next entry, or the directory, begins. */
  end: number;
}

/** A zip archive that is damaged, or means harm. */
export class ZipError extends Error {}

const TAIL_BYTES = 1 << 20;
const MOST_COMMENT = 65_535;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const IN_64 = 0xffffffff;

/** Reads what an archive holds from its end alone. @throws ZipError; what reading `source` throws */
export async function readZipDirectory(source: ByteSource): Promise<ZipEntry[]> {
  const tailStart = Math.max(0, source.bytes - TAIL_BYTES);
  await source.fetch(tailStart, source.bytes);
  const tail = source.read(tailStart, source.bytes);
  const { start, end, count } = findDirectory(source, tail, tailStart);
  if (start < 0 || end > source.bytes || start > end) throw new ZipError('its directory lies outside of it');
  await source.fetch(start, end);
  const bytes = source.read(start, end);
  return withEnds(parseEntries(bytes, count), start);
}

interface Place {
  start: number;
  end: number;
  count: number;
}

function findDirectory(source: ByteSource, tail: Buffer, tailStart: number): Place {
  const at = findEnd(tail);
  const [count, size, start] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  if (count !== 0xffff && size !== IN_64 && start !== IN_64) return { start, end: start + size, count };
  if (at < 20 || tail.readUInt32LE(at - 20) !== LOCATOR_64) throw new ZipError('its zip64 directory is missing');
  const record = number64(tail, at - 12);
  if (record < tailStart || record + 56 > source.bytes) throw new ZipError('its zip64 directory lies outside of it');
  const end = tail.subarray(record - tailStart);
  if (end.readUInt32LE(0) !== END_64) throw new ZipError('its zip64 directory is damaged');
  const place = number64(end, 48);
  return { start: place, end: place + number64(end, 40), count: number64(end, 32) };
}

function findEnd(tail: Buffer): number {
  for (let at = tail.length - 22; at >= Math.max(0, tail.length - 22 - MOST_COMMENT); at -= 1) {
    if (tail.readUInt32LE(at) === END && at + 22 + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  throw new ZipError('it has no end of directory, so it is no zip file or is cut off');
}

function parseEntries(bytes: Buffer, count: number): Omit<ZipEntry, 'end'>[] {
  const entries: Omit<ZipEntry, 'end'>[] = [];
  let at = 0;
  while (at + 46 <= bytes.length && bytes.readUInt32LE(at) === ENTRY) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const after = at + 46 + nameLength + extraLength + commentLength;
    if (after > bytes.length) break;
    const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const [size, compressed, offset] = widen(
      [24, 20, 42].map((field) => bytes.readUInt32LE(at + field)),
      extra,
    );
    entries.push({
      name: bytes.toString('utf8', at + 46, at + 46 + nameLength),
      method: bytes.readUInt16LE(at + 10),
      encrypted: (bytes.readUInt16LE(at + 8) & 1) === 1,
      bytes: size!,
      compressedBytes: compressed!,
      offset: offset!,
    });
    at = after;
  }
  if (entries.length !== count || at !== bytes.length)
    throw new ZipError(`its directory promises ${count} files and lists ${entries.length}`);
  return entries;
}

/** Numbers that did not fit stand in the extra field of zip64, in this order, and only those. */
function widen(numbers: number[], extra: Buffer): number[] {
  if (!numbers.includes(IN_64)) return numbers;
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let field = at + 4;
    return numbers.map((value) => {
      if (value !== IN_64) return value;
      if (field + 8 > extra.length) throw new ZipError('a zip64 size is missing');
      field += 8;
      return number64(extra, field - 8);
    });
  }
  throw new ZipError('a zip64 size is missing');
}

function number64(bytes: Buffer, at: number): number {
  const value = Number(bytes.readBigUInt64LE(at));
  if (!Number.isSafeInteger(value)) throw new ZipError('a size in it is beyond reason');
  return value;
}

function withEnds(entries: Omit<ZipEntry, 'end'>[], directory: number): ZipEntry[] {
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  return sorted.map((entry, i) => {
    const end = sorted[i + 1]?.offset ?? directory;
    if (entry.offset + 30 + entry.compressedBytes > end) throw new ZipError(`${JSON.stringify(entry.name)} reaches beyond its place`);
    return { ...entry, end };
  });
}

/** Where the data of an entry begins, after its local header, which must be of the same name. */
export function dataStart(source: ByteSource, entry: ZipEntry): number {
  const name = Buffer.from(entry.name, 'utf8');
  const header = source.read(entry.offset, Math.min(entry.offset + 30 + name.length, entry.end));
  if (header.length < 30 || header.readUInt32LE(0) !== LOCAL)
    throw new ZipError(`${JSON.stringify(entry.name)} has no header where the directory says`);
  if (!header.subarray(30, 30 + header.readUInt16LE(26)).equals(name))
    throw new ZipError(`${JSON.stringify(entry.name)} has another name in its header`);
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + entry.compressedBytes > entry.end) throw new ZipError(`${JSON.stringify(entry.name)} reaches beyond its place`);
  return start;
}
