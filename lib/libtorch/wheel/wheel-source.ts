import { createHash } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DownloadError } from '../../download/download-error.ts';
import type { Network } from '../../download/network.ts';
import { fetchRange, type RangeOptions } from '../../download/range-download.ts';
import { makeFolder } from '../../folders.ts';
import type { Pin } from '../pins.ts';
import { type ByteSource, LocalFile, RemoteStretches } from './byte-source.ts';
import { downloadWithPip } from './pip-download.ts';
import { checkedSize, findFile, type IndexFile } from './package-index.ts';
import { isWheelOf } from './wheel-name.ts';

/** Bytes that are not the pinned ones: no other way to them is tried. */
export class IntegrityError extends Error {}

export interface WheelContext {
  network: Network;
  indexes: readonly string[];
  /** Unfinished downloads lie here. */
  downloads: string;
  env: NodeJS.ProcessEnv;
  options: RangeOptions;
  note(text: string): void;
  /** Called before `bytes` are written for the whole wheel. @throws where the disk has no room */
  makeRoom(bytes: number): void;
}

/** A wheel to read from. */
export interface WheelSource {
  source: ByteSource;
  /** Deletes what was downloaded of it, and nothing that is the user's. */
  discard(): void;
  /** A wheel that the user chose in place of the pinned one: its RECORD is its own. */
  isOwn?: boolean;
}

/** The wheel of a pin, as little of it as the server allows: by ranges, whole, through pip. @throws DownloadError, IntegrityError */
export async function openWheel(pin: Pin, context: WheelContext): Promise<WheelSource> {
  try {
    return await remoteWheel(pin, context);
  } catch (error) {
    if (!(error instanceof DownloadError) || error.kind === 'setting') throw error;
    return await throughPip(pin, context, error);
  }
}

async function remoteWheel(pin: Pin, context: WheelContext): Promise<WheelSource> {
  const { network, indexes, options } = context;
  if (indexes.length === 0) throw new DownloadError('content', 'pip is set to ask no index');
  const file = await findFile(network, indexes, pin.name, ({ name }) => isWheelOf(name, pin), options);
  if (pin.sha256 !== undefined && file.sha256 !== undefined && file.sha256 !== pin.sha256) {
    throw new IntegrityError(`the index states sha256 ${file.sha256} for ${file.name}, and ${pin.sha256} is the one that is pinned here`);
  }
  const { bytes, ranges } = await checkedSize(network, file, pin.fileBytes, options);
  if (!ranges) return wholeWheel(pin, file, bytes, context);
  const folder = folderOf(file, context);
  return { source: new RemoteStretches({ network, url: file.url, bytes }, folder, options), discard: () => remove(folder) };
}

async function wholeWheel(pin: Pin, file: IndexFile, bytes: number, context: WheelContext): Promise<WheelSource> {
  context.note(`${pin.name}: this index does not send parts of a file, so the whole wheel is downloaded (${Math.round(bytes / 1e6)} MB)`);
  const { network, options } = context;
  const folder = folderOf(file, context);
  const path = join(folder, 'whole');
  context.makeRoom(bytes);
  await makeFolder(folder);
  await fetchRange({ network, url: file.url, bytes }, 0, bytes, path, options);
  return checked(path, folder, pin.sha256 ?? file.sha256, options);
}

async function throughPip(pin: Pin, context: WheelContext, reason: DownloadError): Promise<WheelSource> {
  const folder = join(context.downloads, `pip-${pin.name}-${pin.version}`);
  context.makeRoom(pin.fileBytes ?? pin.bytes);
  const path = await downloadWithPip(pin, folder, context.env, context.options.signal);
  if (path === undefined) throw reason;
  context.note(`${pin.name}: ${reason.message}; pip fetched it`);
  return checked(path, folder, pin.sha256, context.options);
}

async function checked(path: string, folder: string, sha256: string | undefined, { signal }: RangeOptions): Promise<WheelSource> {
  const discard = (): void => remove(folder);
  if (sha256 !== undefined && (await sha256Of(path, signal)) !== sha256) {
    discard();
    throw new IntegrityError(`${basename(path)} of ${basename(folder)} does not have the sha256 ${sha256} that is expected`);
  }
  return { source: new LocalFile(path), discard };
}

/** In hexadecimal digits. */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, signal === undefined ? {} : { signal });
  return hash.digest('hex');
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

function folderOf({ name, sha256 }: IndexFile, { downloads }: WheelContext): string {
  return join(downloads, `${basename(name)}${sha256 === undefined ? '' : `-${sha256.slice(0, 8)}`}`);
}
