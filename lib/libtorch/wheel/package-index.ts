import { Parser } from 'htmlparser2';
import type { Response } from 'undici';
import { DownloadError, plainUrl } from '../../download/download-error.ts';
import type { Network } from '../../download/network.ts';
import { askSize, badStatus, patiently, type RangeOptions } from '../../download/range-download.ts';

/** A file that a package index lists. */
export interface IndexFile {
  name: string;
  url: string;
  /** In hexadecimal digits; undefined where the index does not say. */
  sha256: string | undefined;
}

const ACCEPT = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';
const MOST_LISTING_BYTES = 64e6;

/** The files of a package, by the simple API (PEP 503 and 691). @throws DownloadError; the signal's reason */
export async function listFiles(network: Network, index: string, name: string, options: RangeOptions = {}): Promise<IndexFile[]> {
  const url = `${index.replace(/\/+$/, '')}/${name.toLowerCase().replace(/[-_.]+/g, '-')}/`;
  const { response, text } = await patiently(
    { patience: 250, failures: 4, ...options },
    () => 0,
    () => ask(network, url, options.signal),
  );
  // Links are relative to where a redirect led; credentials of the address stay with it.
  const base = response.url === '' ? url : response.url;
  const files = /json/.test(response.headers.get('content-type') ?? '') ? ofJson(text, url) : ofHtml(text);
  return files.flatMap((file) => absolute(file, base, url));
}

async function ask(network: Network, url: string, signal?: AbortSignal): Promise<{ response: Response; text: string }> {
  const response = await network.get(url, { headers: { Accept: ACCEPT }, signal });
  if (response.status === 200) return { response, text: await readListing(response.body, url, signal) };
  await response.body?.cancel();
  throw badStatus(response, url);
}

async function readListing(body: AsyncIterable<Uint8Array> | null, url: string, signal?: AbortSignal): Promise<string> {
  const blocks: Uint8Array[] = [];
  let count = 0;
  try {
    for await (const block of body ?? []) {
      count += block.length;
      if (count > MOST_LISTING_BYTES)
        throw new DownloadError('content', `${plainUrl(url)}: expected a listing, got more than ${MOST_LISTING_BYTES} bytes`);
      blocks.push(block);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof DownloadError ? cause : new DownloadError('network', `${plainUrl(url)}: the connection broke`, { cause });
  }
  return Buffer.concat(blocks).toString('utf8');
}

function ofJson(text: string, url: string): IndexFile[] {
  try {
    const { files } = JSON.parse(text) as { files: { filename: string; url: string; hashes?: { sha256?: string } }[] };
    return files.map((file) => ({ name: String(file.filename), url: String(file.url), sha256: file.hashes?.sha256 }));
  } catch (cause) {
    throw new DownloadError('content', `${plainUrl(url)}: expected a listing of files, got other JSON`, { cause });
  }
}

function ofHtml(text: string): IndexFile[] {
  const files: IndexFile[] = [];
  let open: { href: string; text: string } | undefined;
  const parser = new Parser({
    onopentag: (tag, { href }) => void (tag === 'a' && href !== undefined && (open = { href, text: '' })),
    ontext: (piece) => void (open !== undefined && (open.text += piece)),
    onclosetag(tag) {
      if (tag !== 'a' || open === undefined) return;
      const sha256 = /[#&]sha256=([0-9a-f]{64})/i.exec(open.href)?.[1];
      files.push({ name: open.text.trim(), url: open.href.replace(/#.*$/, ''), sha256: sha256?.toLowerCase() });
      open = undefined;
    },
  });
  parser.end(text);
  return files;
}

function absolute(file: IndexFile, base: string, asked: string): IndexFile[] {
  const url = URL.canParse(file.url, base) ? new URL(file.url, base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return [];
  const { username, password, host } = new URL(asked);
  if (url.host === host && url.username === '') Object.assign(url, { username, password });
  return [{ ...file, url: url.href }];
}

/** A file of one of `indexes`, the first that has it. @throws DownloadError */
export async function findFile(
  network: Network,
  indexes: readonly string[],
  wheel: string,
  isIt: (file: IndexFile) => boolean,
  options: RangeOptions = {},
): Promise<IndexFile> {
  const reasons: string[] = [];
  let last: unknown;
  for (const index of indexes) {
    try {
      const file = (await listFiles(network, index, wheel, options)).find(isIt);
      if (file !== undefined) return file;
      reasons.push(`${plainUrl(index)} does not list it`);
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      reasons.push(error.message);
      last = error;
    }
  }
  throw new DownloadError(last instanceof DownloadError ? last.kind : 'content', reasons.join('; '), { cause: last });
}

/** What the server says of the size: pins know it, and then it has to be that. @throws DownloadError */
export async function checkedSize(
  network: Network,
  file: IndexFile,
  pinned: number | undefined,
  options: RangeOptions,
): Promise<{ bytes: number; ranges: boolean }> {
  const { bytes, ranges } = await askSize(network, file.url, options);
  if (bytes !== undefined && pinned !== undefined && bytes !== pinned) {
    throw new DownloadError('content', `${plainUrl(file.url)}: expected a file of ${pinned} bytes, got one of ${bytes}`);
  }
  const known = pinned ?? bytes;
  if (known === undefined) throw new DownloadError('content', `${plainUrl(file.url)}: the server does not say how large the file is`);
  return { bytes: known, ranges };
}
