import { closeSync, existsSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'undici';
import { DownloadError, plainUrl } from './download-error.ts';
import type { Network } from './network.ts';

/** A file on a server whose size is known. */
export interface RemoteFile {
  network: Network;
  url: string;
  bytes: number;
  headers?: Readonly<Record<string, string>>;
}

export interface RangeOptions {
  signal?: AbortSignal | undefined;
  /** Called with the number of bytes that came; negative when a server that knows no ranges begins anew. */
  onBytes?: ((count: number) => void) | undefined;
  /** Milliseconds before the first repetition; doubled with each. Default 500. */
  patience?: number | undefined;
  /** Failures in a row that end it. Default 6. */
  failures?: number | undefined;
}

const LONGEST_WAIT_MS = 30_000;

/** The size that a server states for a file, and whether it answers range requests. */
export async function askSize(
  network: Network,
  url: string,
  options: RangeOptions & { headers?: Readonly<Record<string, string>> } = {},
): Promise<{ bytes: number | undefined; ranges: boolean }> {
  return patiently(
    options,
    () => 0,
    async () => {
      const response = await network.get(url, { headers: { ...options.headers, Range: 'bytes=0-0' }, signal: options.signal });
      await response.body?.cancel();
      if (response.status === 206) return { bytes: Number(parseContentRange(response)?.total ?? Number.NaN) || undefined, ranges: true };
      if (response.status === 200) return { bytes: Number(response.headers.get('content-length')) || undefined, ranges: false };
      throw badStatus(response, url);
    },
  );
}

/**
 * Fetches the bytes [start, end) of `file` into `path`. A file that is there is taken as their beginning, so that a broken download goes
 * on where it ended; a connection that breaks is opened again, some times without a byte at most.
 * @throws DownloadError; the signal's reason when aborted. What has come stays in `path`
 */
export async function fetchRange(file: RemoteFile, start: number, end: number, path: string, options: RangeOptions = {}): Promise<void> {
  const have = (): number => (existsSync(path) ? statSync(path).size : 0);
  if (have() > end - start) rmSync(path);
  await patiently(options, have, async () => {
    while (have() < end - start) await append(file, start, end, path, have(), options);
  });
}

/** Does `work` again as long as its failure may pass; bytes that came in between give all patience back. */
export async function patiently<T>(
  { signal, patience = 500, failures: most = 6 }: RangeOptions,
  have: () => number,
  work: () => Promise<T>,
): Promise<T> {
  let [failures, before] = [0, have()];
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      failures = have() > before ? 1 : failures + 1;
      before = have();
      if (!(error instanceof DownloadError) || !error.passes || failures >= most) throw error;
      await sleep(Math.min(error.wait ?? patience * 2 ** (failures - 1), LONGEST_WAIT_MS), undefined, { signal });
    }
  }
}

async function append(file: RemoteFile, start: number, end: number, path: string, have: number, options: RangeOptions): Promise<void> {
  const headers = { ...file.headers, Range: `bytes=${start + have}-${end - 1}` };
  const response = await file.network.get(file.url, { headers, signal: options.signal });
  const whole = start === 0 && end === file.bytes;
  if (response.status === 200 && whole) {
    options.onBytes?.(-have);
    return write(file, response, path, end, 'w', options);
  }
  try {
    checkRange(response, file, start + have, end);
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
  await write(file, response, path, end - start - have, 'a', options);
}

function checkRange(response: Response, { url, bytes }: RemoteFile, start: number, end: number): void {
  if (response.status === 200) throw new DownloadError('no-ranges', `${plainUrl(url)}: the server does not answer range requests`);
  if (response.status === 416) throw wrongContent(url, `${bytes} bytes`, 'a file that ends before them');
  if (response.status !== 206) throw badStatus(response, url);
  const range = parseContentRange(response);
  const stated = response.headers.get('content-range');
  if (range === undefined || range.start !== start || range.end > end)
    throw wrongContent(url, `the bytes ${start} to ${end - 1}`, `Content-Range ${JSON.stringify(stated)}`);
  if (range.total !== '*' && range.total !== String(bytes)) throw wrongContent(url, `a file of ${bytes} bytes`, `one of ${range.total}`);
}

async function write(
  file: RemoteFile,
  response: Response,
  path: string,
  wanted: number,
  flags: 'a' | 'w',
  { onBytes, signal }: RangeOptions,
): Promise<void> {
  const target = openSync(path, flags);
  let count = 0;
  try {
    for await (const block of response.body ?? []) {
      const bytes = block as Uint8Array;
      if (count + bytes.length > wanted) throw wrongContent(file.url, `${wanted} bytes`, 'more');
      writeSync(target, bytes);
      count += bytes.length;
      onBytes?.(bytes.length);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof DownloadError || isOfDisk(cause)) throw cause;
    throw new DownloadError('network', `${plainUrl(file.url)}: the connection broke after ${count} of ${wanted} bytes`, { cause });
  } finally {
    closeSync(target);
  }
  if (count < wanted && count === 0) throw new DownloadError('network', `${plainUrl(file.url)}: expected ${wanted} bytes, got none`);
}

function isOfDisk(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG'].includes((error as { code?: string }).code ?? '');
}

function parseContentRange(response: Response): { start: number; end: number; total: string } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  return match === null ? undefined : { start: Number(match[1]), end: Number(match[2]) + 1, total: match[3] ?? '*' };
}

function wrongContent(url: string, expected: string, got: string): DownloadError {
  return new DownloadError('content', `${plainUrl(url)}: expected ${expected}, got ${got}`);
}

export function badStatus(response: Response, url: string): DownloadError {
  const after = Number(response.headers.get('retry-after'));
  return new DownloadError('status', `${plainUrl(url)}: the server says ${response.status} ${response.statusText}`.trimEnd(), {
    status: response.status,
    wait: after > 0 ? after * 1000 : undefined,
  });
}
