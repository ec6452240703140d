import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { lstat, readdir, rm, writeFile } from '../file-system.ts';
import { readBytes, readText } from '../regular-file.ts';
import { writeFolder } from '../checkpoint/atomic-folder.ts';
import { makeFolder } from '../folders.ts';
import { ApiError } from './api-error.ts';
import { readStoredFile } from './kept-files.ts';

/** A file as OpenAI's API describes it. */
export interface StoredFile {
  id: string;
  object: 'file';
  bytes: number;
  /** Seconds since 1970. */
  created_at: number;
  filename: string;
  purpose: string;
  status: 'processed';
}

const ID = /^file-[0-9a-f]{24}$/;

/** Uploaded files, each a folder with `file.json` and its content; whole or not there. */
export class FileStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<FileStore> {
    await makeFolder(folder);
    return new FileStore(folder);
  }

  async add(filename: string, purpose: string, content: Uint8Array): Promise<StoredFile> {
    const id = `file-${randomBytes(12).toString('hex')}`;
    const created = Math.floor(Date.now() / 1000);
    const file: StoredFile = { id, object: 'file', bytes: content.byteLength, created_at: created, filename, purpose, status: 'processed' };
    await writeFolder(join(this.#folder, id), async (partial) => {
      await writeFile(join(partial, CONTENT), content);
      await writeFile(join(partial, DESCRIPTION), JSON.stringify(file));
    });
    return file;
  }

  /** The newest first. */
  async list(): Promise<StoredFile[]> {
    const ids = (await readdir(this.#folder)).filter((name) => ID.test(name));
    const files = await Promise.all(ids.map(async (id) => this.#read(id)));
    return files.filter((file) => file !== undefined).sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
  }

  /** @throws ApiError 404 */
  async get(id: string): Promise<StoredFile> {
    const file = ID.test(id) ? await this.#read(id) : undefined;
    if (file === undefined)
      throw new ApiError(404, `expected the id of an uploaded file, got "${id}"`, { param: 'file_id', code: 'file_not_found' });
    return file;
  }

  /** Where the content stands. The name ends in .jsonl, which is how data are read. */
  pathOf(id: string): string {
    return join(this.#folder, id, CONTENT);
  }

  /** @throws ApiError 404 */
  async content(id: string): Promise<Buffer> {
    await this.get(id);
    return readBytes(this.pathOf(id));
  }

  /** @throws ApiError 404 */
  async delete(id: string): Promise<void> {
    await this.get(id);
    // What is left without its description, if this is cut short, is no file any more.
    await rm(join(this.#folder, id, DESCRIPTION), { force: true });
    await rm(join(this.#folder, id), { recursive: true, force: true });
  }

  async #read(id: string): Promise<StoredFile | undefined> {
    try {
      // A link that somebody put here would lead out of the folder.
      const [folder, content] = await Promise.all([lstat(join(this.#folder, id)), lstat(this.pathOf(id))]);
      if (!folder.isDirectory() || !content.isFile()) return undefined;
      return readStoredFile(await readText(join(this.#folder, id, DESCRIPTION)), id);
    } catch {
      return undefined;
    }
  }
}

const CONTENT = 'content.jsonl';
const DESCRIPTION = 'file.json';
