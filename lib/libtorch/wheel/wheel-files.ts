import { createHash } from 'node:crypto';
import { createWriteStream, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import { makeFolder } from '../../folders.ts';
import type { ByteSource } from './byte-source.ts';
import { dataStart, readZipDirectory, type ZipEntry, ZipError } from './zip-directory.ts';

/** [start, end) of a wheel, neighbours joined. */
export interface Stretch {
  start: number;
  end: number;
}

/** Closer neighbours are asked for in one request: what lies between costs less than another one. */
const NEAR_BYTES = 1 << 20;
const MOST_RECORD_BYTES = 32e6;
const SMALL_BYTES = 1 << 20;

/** A wheel whose directory has been read: which of its files are wanted, and their checked way onto the disk. */
export class WheelFiles {
  readonly source: ByteSource;
  readonly wanted: readonly ZipEntry[];
  readonly #record: ZipEntry;

  private constructor(source: ByteSource, wanted: readonly ZipEntry[], record: ZipEntry) {
    this.source = source;
    this.wanted = wanted;
    this.#record = record;
  }

  /** @throws ZipError where it is no wheel, or has a name that leads out of it */
  static async open(source: ByteSource, keep: readonly string[]): Promise<WheelFiles> {
    const entries = await readZipDirectory(source);
    const records = entries.filter(({ name }) => /^[^/]+\.dist-info\/RECORD$/.test(name));
    if (records.length !== 1) throw new ZipError('it has no RECORD, so it is no wheel');
    const patterns = keep.map(shellPattern);
    const wanted = entries.filter(({ name }) => !name.endsWith('/') && patterns.some((pattern) => pattern.test(name)));
    if (wanted.length === 0) throw new ZipError(`it holds none of ${keep.join(', ')}`);
    wanted.forEach(checkEntry);
    return new WheelFiles(source, wanted, records[0]!);
  }

  /** Bytes on disk, unpacked. */
  get unpackedBytes(): number {
    return this.wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** What has to be fetched, RECORD included. */
  get stretches(): Stretch[] {
    const joined: Stretch[] = [];
    for (const { offset, end } of [...this.wanted, this.#record].sort((a, b) => a.offset - b.offset)) {
      const last = joined.at(-1);
      if (last !== undefined && offset - last.end <= NEAR_BYTES) last.end = Math.max(last.end, end);
      else joined.push({ start: offset, end });
    }
    return joined;
  }

  /** RECORD, as it stands in the wheel. */
  readRecord(): Buffer {
    if (this.#record.bytes > MOST_RECORD_BYTES) throw new ZipError('its RECORD is beyond reason');
    checkEntry(this.#record);
    return this.#inflate(this.#record);
  }

  /** Writes the wanted files below `target`, each held against the sha256 that `digests` has for it. @throws ZipError */
  async writeTo(target: string, digests: ReadonlyMap<string, string>): Promise<void> {
    for (const entry of this.wanted) {
      const expected = digests.get(entry.name);
      if (expected === undefined) throw new ZipError(`its RECORD does not name ${JSON.stringify(entry.name)}`);
      const path = join(target, entry.name);
      await makeFolder(dirname(path));
      const found = await this.#write(entry, path);
      if (found !== expected) throw new ZipError(`expected sha256 ${expected} for ${entry.name}, got ${found}`);
    }
  }

  /** The whole of a small file. */
  #inflate(entry: ZipEntry): Buffer {
    const start = dataStart(this.source, entry);
    const packed = this.source.read(start, start + entry.compressedBytes);
    try {
      const bytes = entry.method === 8 ? inflateRawSync(packed, { maxOutputLength: entry.bytes + 1 }) : packed;
      if (bytes.length === entry.bytes) return bytes;
    } catch (cause) {
      throw damaged(entry, cause);
    }
    throw damaged(entry);
  }

  /** Writes one file; gives its sha256 as RECORD writes it. Small ones are many, and streams cost more than they do. */
  async #write(entry: ZipEntry, path: string): Promise<string> {
    if (entry.bytes > SMALL_BYTES || entry.compressedBytes > SMALL_BYTES) return this.#stream(entry, path);
    const bytes = this.#inflate(entry);
    writeFileSync(path, bytes);
    return createHash('sha256').update(bytes).digest('base64url');
  }

  async #stream(entry: ZipEntry, path: string): Promise<string> {
    const start = dataStart(this.source, entry);
    const hash = createHash('sha256');
    let count = 0;
    const measure = new Transform({
      transform(block: Buffer, _, done) {
        count += block.length;
        hash.update(block);
        if (count > entry.bytes) done(damaged(entry));
        else done(null, block);
      },
    });
    const inflated = entry.method === 8 ? createInflateRaw() : new PassThrough();
    await pipeline(this.source.stream(start, start + entry.compressedBytes), inflated, measure, createWriteStream(path)).catch(
      (cause: unknown) => {
        throw isOfZlib(cause) ? damaged(entry, cause) : cause;
      },
    );
    if (count !== entry.bytes) throw damaged(entry);
    return hash.digest('base64url');
  }
}

function damaged({ name, bytes }: ZipEntry, cause?: unknown): ZipError {
  return new ZipError(`${JSON.stringify(name)} does not unpack to the ${bytes} bytes that the directory says`, { cause });
}

function isOfZlib(error: unknown): boolean {
  return /^(Z_|ERR_BUFFER_TOO_LARGE)/.test((error as { code?: string }).code ?? '');
}

/** {path: sha256} of a RECORD, rows of "path,sha256=digest,size". */
export function parseRecord(text: string): Map<string, string> {
  const rows = text.split(/\r?\n/).map((line) => /^(?:"((?:[^"]|"")*)"|([^",]*)),sha256=([\w-]{43})=*,\d*$/.exec(line));
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1]?.replaceAll('""', '"') ?? row[2] ?? '', row[3] ?? '']])));
}

/** Names are used as paths: none may lead out of the folder, or be read otherwise on another system. */
function checkEntry({ name, method, encrypted }: ZipEntry): void {
  const parts = name.split('/');
  const unsafe =
    name.includes('\0') || name.includes('\\') || /^[A-Za-z]:/.test(name) || parts.some((part) => ['', '.', '..'].includes(part));
  if (unsafe) throw new ZipError(`it holds a path that leads out of it: ${JSON.stringify(name)}`);
  if (encrypted || ![0, 8].includes(method)) throw new ZipError(`${JSON.stringify(name)} is packed in a way that no wheel is`);
}

/** `*` and `?` as Python's fnmatch reads them: both match a slash. */
function shellPattern(pattern: string): RegExp {
  const text = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${text}$`, 's');
}
