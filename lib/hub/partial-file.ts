import { createHash, type Hash } from 'node:crypto';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { open, readdir, rename, rm, stat, type FileHandle } from '../file-system.ts';
import { readInPieces } from '../regular-file.ts';
import { isAlive } from './blob-lock.ts';

const OWN_HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** huggingface_hub knows files that end so as leftovers. */
const SUFFIX = '.incomplete';
/** After which a partial file of another machine counts as left behind, milliseconds. */
const ABANDONED = 120_000;

/** A hash of what a blob is named after; undefined for names that are no hashes. */
function hashFor(etag: string, size: number): Hash | undefined {
  if (/^[0-9a-f]{64}$/.test(etag)) return createHash('sha256');
  // As git names what it keeps.
  return /^[0-9a-f]{40}$/.test(etag) ? createHash('sha1').update(`blob ${size}\0`) : undefined;
}

/** A blob on its way: bytes in their order, hashed as they come, under a name of this process alone. */
export class PartialFile {
  #length = 0;
  #hash: Hash | undefined;

  private constructor(
    readonly path: string,
    readonly etag: string,
    readonly size: number,
    readonly file: FileHandle,
  ) {}

  /** Goes on with what a process that is gone has left of the blob. */
  static async open(blob: string, size: number): Promise<PartialFile> {
    const etag = basename(blob);
    const path = `${blob}.${OWN_HOST}-${process.pid}${SUFFIX}`;
    await adopt(blob, path);
    const partial = new PartialFile(path, etag, size, await open(path, 'a+'));
    await partial.#readBack();
    return partial;
  }

  get length(): number {
    return this.#length;
  }

  async #readBack(): Promise<void> {
    this.#hash = hashFor(this.etag, this.size);
    const { size } = await this.file.stat();
    if (size > this.size) return this.restart();
    for await (const chunk of readInPieces(this.path)) this.#hash?.update(chunk);
    this.#length = size;
  }

  async restart(): Promise<void> {
    await this.file.truncate(0);
    this.#length = 0;
    this.#hash = hashFor(this.etag, this.size);
  }

  async write(chunk: Buffer): Promise<void> {
    await this.file.appendFile(chunk);
    this.#hash?.update(chunk);
    this.#length += chunk.length;
  }

  /** Whether the bytes are those that the name promises; true where it promises none. */
  get isRight(): boolean {
    return this.#length === this.size && (this.#hash === undefined || this.#hash.copy().digest('hex') === this.etag);
  }

  /** The blob appears under its name, whole and on the disk. */
  async complete(blob: string): Promise<void> {
    await this.file.sync();
    await this.file.close();
    await rename(this.path, blob);
  }

  /** Keeps what has arrived for the next time. */
  async leave(): Promise<void> {
    await this.file.close().catch(() => undefined);
    if (this.#length === 0) await rm(this.path, { force: true });
  }
}

/** Takes over the longest that is left of the blob, and deletes the others. */
async function adopt(blob: string, path: string): Promise<void> {
  const left = await abandoned(blob);
  const [longest, ...others] = left.sort((a, b) => b.size - a.size).map((one) => one.path);
  for (const other of others) await rm(other, { force: true });
  if (longest !== undefined && longest !== path) await rename(longest, path).catch(() => undefined);
}

async function abandoned(blob: string): Promise<{ path: string; size: number }[]> {
  const pattern = new RegExp(`^${basename(blob).replaceAll('.', '\\.')}\\.([0-9a-f]{8})-(\\d+)\\${SUFFIX}$`);
  const found: { path: string; size: number }[] = [];
  for (const name of await readdir(dirname(blob))) {
    const [, host, pid] = pattern.exec(name) ?? [];
    const path = join(dirname(blob), name);
    const info = host === undefined ? undefined : await stat(path).catch(() => undefined);
    if (info === undefined) continue;
    const isOwn = host === OWN_HOST && Number(pid) === process.pid;
    const isGone = host === OWN_HOST ? !isAlive(Number(pid)) : Date.now() - info.mtimeMs > ABANDONED;
    if (isOwn || isGone) found.push({ path, size: info.size });
  }
  return found;
}
