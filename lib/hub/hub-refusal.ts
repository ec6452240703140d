import { HyperfitError, type ErrorCode } from '../errors.ts';
import { writeHubName, type HubName, type RepoKind } from './hub-name.ts';
import type { HubSettings } from './hub-settings.ts';
import type { Reply } from './http.ts';

/** The code of what is not there: the same as of a missing path. */
export function missingCode(kind: RepoKind): ErrorCode {
  return kind === 'model' ? 'ERR_MODEL_FILES' : 'ERR_DATA';
}

/** Another answer may come of another try. */
export function isPassing({ status }: Pick<Reply, 'status'>): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** Seconds that a server asks to wait; undefined where it does not say. */
export function retryAfter({ headers }: Pick<Reply, 'headers'>): number | undefined {
  const seconds = Number(headers['retry-after']);
  return headers['retry-after'] !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** Why the hub refused, and what to do about it; `file` where one was asked for. */
export function refusalOf(
  reply: Pick<Reply, 'status' | 'headers' | 'said'>,
  name: HubName,
  settings: HubSettings,
  file?: string,
): HyperfitError {
  const { status } = reply;
  const said = String(reply.said['x-error-code'] ?? '');
  const what = writeHubName(name);
  const page = `${settings.endpoint}/${name.kind === 'dataset' ? 'datasets/' : ''}${name.id}`;
  const failed = (text: string): HyperfitError => new HyperfitError('ERR_FETCH', text);
  if (said === 'GatedRepo' || (status === 403 && settings.token !== undefined)) {
    const login =
      settings.token === undefined
        ? 'then make a token and give it as HF_TOKEN (or `hf auth login`)'
        : 'with the account of your token, and see that the token may read gated repositories';
    return failed(`expected to fetch ${what}, got refused (${status}): the repository is gated; ask for access at ${page}, ${login}`);
  }
  if (said === 'RevisionNotFound') {
    return new HyperfitError(
      missingCode(name.kind),
      `expected a branch, tag or commit of ${name.id} after @, got ${name.revision}, which it does not have; look at ${page}/tree/main`,
    );
  }
  if (said === 'EntryNotFound' || (status === 404 && file !== undefined)) {
    return new HyperfitError(
      missingCode(name.kind),
      `expected ${file ?? 'the file'} in ${what}, got none there; look at ${page}/tree/main`,
    );
  }
  if (status === 401 && settings.token !== undefined && said !== 'RepoNotFound') {
    return failed(
      `expected to fetch ${what}, got refused (401): the token is wrong or has expired; make a new one at ${settings.endpoint}/settings/tokens and give it as HF_TOKEN, or unset it for public repositories`,
    );
  }
  // The hub does not tell strangers whether a private repository exists.
  if (status === 401 || status === 404 || said === 'RepoNotFound') return notFound(name, settings, status);
  if (status === 403)
    return failed(
      `expected to fetch ${what}, got refused (403); see whether ${page} opens in a browser, and give HF_TOKEN if it wants a login`,
    );
  if (status === 429)
    return failed(
      `expected to fetch ${what}, got refused (429): asked too often; wait ${waitOf(reply)}${settings.token === undefined ? ', or give HF_TOKEN, which allows more' : ''}`,
    );
  if (status === 451)
    return failed(`expected to fetch ${what}, got refused (451): the repository is disabled or not allowed where you are; see ${page}`);
  return failed(
    `expected to fetch ${what} from ${settings.endpoint}, got status ${status}; try again later${status >= 500 ? '' : ', or look at HF_ENDPOINT'}`,
  );
}

function notFound(name: HubName, { endpoint, token }: HubSettings, status: number): HyperfitError {
  const other = name.kind === 'dataset' ? 'data set' : 'model';
  const login = token === undefined ? 'a private one needs HF_TOKEN (or `hf auth login`)' : 'a private one needs a token that may read it';
  return new HyperfitError(
    missingCode(name.kind),
    `expected a file or folder, or a ${other} of the hub, for ${writeHubName(name)}, got neither: nothing of that path is here, and ${endpoint} has no such ${other} for you (${status}); check the spelling: ${login}`,
  );
}

function waitOf(reply: Pick<Reply, 'headers'>): string {
  const seconds = retryAfter(reply);
  return seconds === undefined ? 'some minutes' : `${Math.ceil(seconds)} s`;
}

/** A connection that failed for good. */
export function unreachable(name: HubName, { endpoint }: HubSettings, cause: unknown): HyperfitError {
  return new HyperfitError(
    'ERR_FETCH',
    `expected to fetch ${writeHubName(name)} from ${endpoint}, got: ${(cause as Error).message}; check the network, HTTPS_PROXY and HF_ENDPOINT, then run \`hyperfit fetch ${writeHubName(name)}\` (what has arrived is kept), or give the path of files that are here`,
    { cause },
  );
}

/** What only a broken or a hostile server says. */
export function distrusted(name: HubName, { endpoint }: HubSettings, problem: string, cause?: unknown): HyperfitError {
  return new HyperfitError(
    'ERR_FETCH',
    `expected an answer of the Hugging Face hub about ${writeHubName(name)} from ${endpoint}, got ${problem}; look at HF_ENDPOINT, or try again later`,
    cause === undefined ? {} : { cause },
  );
}
