import { createReadStream, existsSync, readSync, openSync, closeSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { makeFolder } from '../../folders.ts';
import { fetchRange, type RangeOptions, type RemoteFile } from '../../download/range-download.ts';

/** A file that is read in pieces, on this disk or far away. */
export interface ByteSource {
  readonly bytes: number;
  /** Makes [start, end) ready to be read. */
  fetch(start: number, end: number): Promise<void>;
  /** Of [start, end), how much `fetch` would have to bring. */
  missing(start: number, end: number): number;
  /** [start, end), which `fetch` has made ready: in memory, or piece by piece. */
  read(start: number, end: number): Buffer;
  stream(start: number, end: number): Readable;
}

export class LocalFile implements ByteSource {
  readonly path: string;
  readonly bytes: number;

  constructor(path: string) {
    this.path = path;
    this.bytes = statSync(path).size;
  }

  async fetch(): Promise<void> {}

  missing(): number {
    return 0;
  }

  read(start: number, end: number): Buffer {
    return readFrom(this.path, start, end);
  }

  stream(start: number, end: number): Readable {
    return createReadStream(this.path, { start, end: end - 1 });
  }
}

/**
 * Stretches of a remote file, each a file `<start>-<end>` of a folder that outlives a process: a second one goes on where the first
 * ended.
 */
export class RemoteStretches implements ByteSource {
  readonly bytes: number;
  readonly #file: RemoteFile;
  readonly #folder: string;
  readonly #options: RangeOptions;
  readonly #ready: { start: number; end: number; path: string }[] = [];

  constructor(file: RemoteFile, folder: string, options: RangeOptions) {
    this.bytes = file.bytes;
    this.#file = file;
    this.#folder = folder;
    this.#options = options;
  }

  missing(start: number, end: number): number {
    if (this.#holding(start, end) !== undefined) return 0;
    const path = this.#path(start, end);
    return end - start - (existsSync(path) ? Math.min(statSync(path).size, end - start) : 0);
  }

  async fetch(start: number, end: number): Promise<void> {
    if (this.#holding(start, end) !== undefined) return;
    await makeFolder(this.#folder);
    const path = this.#path(start, end);
    await fetchRange(this.#file, start, end, path, this.#options);
    this.#ready.push({ start, end, path });
  }

  read(start: number, end: number): Buffer {
    const { path, start: first } = this.#held(start, end);
    return readFrom(path, start - first, end - first);
  }

  stream(start: number, end: number): Readable {
    const { path, start: first } = this.#held(start, end);
    return createReadStream(path, { start: start - first, end: end - first - 1 });
  }

  /** Bytes that turned out to be wrong must not be where the next attempt goes on. */
  forget(): void {
    this.#ready.length = 0;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #holding(start: number, end: number): { start: number; path: string } | undefined {
    return this.#ready.find((stretch) => stretch.start <= start && end <= stretch.end);
  }

  #held(start: number, end: number): { start: number; path: string } {
    const stretch = this.#holding(start, end);
    if (stretch === undefined) throw new Error(`hyperfit: the bytes ${start} to ${end} were never fetched`);
    return stretch;
  }

  #path(start: number, end: number): string {
    return join(this.#folder, `${start}-${end}`);
  }
}

function readFrom(path: string, start: number, end: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(end - start);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, start));
  } finally {
    closeSync(file);
  }
}
