import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { DownloadError } from '../download/download-error.ts';
import type { Network } from '../download/network.ts';
import { HyperfitError } from '../errors.ts';

type Answer = Awaited<ReturnType<Network['request']>>;

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  /**
   * Headers of the replies that led here by redirects within the first origin, and its own where it is of that origin: what the hub itself
   * said.
   */
  said: IncomingHttpHeaders;
  body: Readable;
}

export interface Asking {
  /** With the proxies of the environment. */
  network: Network;
  method?: 'GET' | 'HEAD';
  headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of the address alone; wherever a redirect leads, it stays behind. */
  token?: string | undefined;
  /** Without a byte, milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** A connection that failed, was cut or fell silent: worth another try. */
export class ConnectionError extends Error {}

const MOST_REDIRECTS = 8;

/**
 * Asks for `address` and follows redirects. The body has not been read.
 * @throws ConnectionError for a connection that fails; Error for redirects that lead nowhere
 */
export async function ask(address: string, asking: Asking): Promise<Reply> {
  const first = new URL(address);
  let url = first;
  let token = asking.token;
  let said: IncomingHttpHeaders = {};
  for (let redirects = 0; ; redirects += 1) {
    const { statusCode: status, headers, body } = await askOnce(url, asking, token);
    if (url.origin === first.origin) said = { ...said, ...headers };
    const { location } = headers;
    if (![301, 302, 303, 307, 308].includes(status) || typeof location !== 'string') return { status, headers, said, body };
    discard(body);
    if (redirects === MOST_REDIRECTS) throw new Error(`${place(first)} redirects more than ${MOST_REDIRECTS} times`);
    url = nextAddress(url, location);
    // Once away from the hub the token is gone for good.
    if (url.origin !== first.origin) token = undefined;
  }
}

/** Lets go of a body that nobody reads, whatever it still says. */
export function discard(body: Readable): void {
  body.on('error', () => undefined).destroy();
}

function nextAddress(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw new Error(`${place(from)} redirects to what is no address`);
  const to = new URL(location, from.href);
  if (!['http:', 'https:'].includes(to.protocol)) throw new Error(`${place(from)} redirects to ${to.protocol}, which is not followed`);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw new Error(`${place(from)} redirects to http:, which is not safe`);
  return to;
}

/** Signed addresses of a store hold secrets behind the question mark. */
function place({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

async function askOnce(
  url: URL,
  { network, method = 'GET', headers = {}, timeoutMs, signal }: Asking,
  token: string | undefined,
): Promise<Answer> {
  signal?.throwIfAborted();
  const all = { ...headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
  try {
    return await network.request(url.href, { method, headers: all, signal, silence: timeoutMs });
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    if (error.kind === 'setting')
      throw new HyperfitError('ERR_CONFIG', `${error.message}; correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY`, { cause: error });
    throw new ConnectionError(`${url.host}: ${reasonOf(error.cause)}`, { cause: error });
  }
}

/** A name for what Node says of a connection: some of its errors have a code and no words. */
export function reasonOf(cause: unknown): string {
  const { code, message, errors } = cause as NodeJS.ErrnoException & { errors?: unknown[] };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no such host, or no network';
  if (code === 'ECONNREFUSED') return 'the connection was refused';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the connection was cut';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT')
    return 'silent for too long';
  return message || (errors !== undefined ? reasonOf(errors[0]) : (code ?? String(cause)));
}

/**
 * The body as text.
 * @throws ConnectionError when it is cut; Error when it is longer than `limit` bytes
 */
export async function readText({ body }: Reply, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += (chunk as Buffer).length;
      if (length > limit) break;
      chunks.push(chunk as Buffer);
    }
  } catch (cause) {
    throw new ConnectionError(reasonOf(cause), { cause });
  }
  if (length > limit) throw new Error(`an answer of more than ${limit} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}
