import { homedir } from 'node:os';
import { join } from 'node:path';
import { Network } from '../download/network.ts';
import { HyperfitError } from '../errors.ts';
import { readTextSync } from '../regular-file.ts';

/** Where the hub and its cache are, and how it is asked; as Python's huggingface_hub reads the same variables. */
export interface HubSettings {
  /** Without a slash at the end. */
  endpoint: string;
  /** Folder of `models--org--name` and the like. */
  cache: string;
  token: string | undefined;
  isOffline: boolean;
  /** Without a byte, milliseconds. */
  timeoutMs: number;
  /** Before the second try, milliseconds; each further wait is twice as long. */
  retryMs: number;
  /** With the proxies of the environment. */
  network: Network;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';
const DEFAULT_TIMEOUT_SECONDS = 30;

/**
 * HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT and the rest of `env`.
 * @throws HyperfitError ERR_CONFIG for an endpoint or a token that cannot be one
 */
export function hubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  const home = hubHome(env);
  const timeout = Number(env['HF_HUB_DOWNLOAD_TIMEOUT']);
  return {
    endpoint: readEndpoint(env),
    cache: expand(env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'] || join(home, 'hub'), env),
    token: isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN']) ? undefined : readToken(env, home),
    isOffline: isTrue(env['HF_HUB_OFFLINE'] || env['TRANSFORMERS_OFFLINE']),
    timeoutMs: 1000 * (Number.isFinite(timeout) && timeout > 0 ? timeout : DEFAULT_TIMEOUT_SECONDS),
    retryMs: 1000,
    network: new Network({ env }),
  };
}

function hubHome(env: NodeJS.ProcessEnv): string {
  return expand(env['HF_HOME'] || join(env['XDG_CACHE_HOME'] || join(userHome(env), '.cache'), 'huggingface'), env);
}

function userHome(env: NodeJS.ProcessEnv): string {
  return env['HOME'] || homedir();
}

/** `~` and `$NAME`, as Python's expanduser and expandvars. */
function expand(path: string, env: NodeJS.ProcessEnv): string {
  return path
    .replace(/^~(?=\/|$)/, userHome(env))
    .replace(/\$\{(\w+)\}|\$(\w+)/g, (text, braced?: string, plain?: string) => env[braced ?? plain ?? ''] ?? text);
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((value ?? '').toUpperCase());
}

function readEndpoint(env: NodeJS.ProcessEnv): string {
  const text = (env['HF_ENDPOINT'] || DEFAULT_ENDPOINT).replace(/\/+$/, '');
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected an address as https://huggingface.co for \`HF_ENDPOINT\`, got ${JSON.stringify(text)}; correct it or leave it out`,
  );
}

/** Of the environment, or of the file that `hf auth login` writes. Its text is in no message. */
function readToken(env: NodeJS.ProcessEnv, home: string): string | undefined {
  const path = expand(env['HF_TOKEN_PATH'] || join(home, 'token'), env);
  const [text, place] =
    env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN']
      ? [env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN'], 'HF_TOKEN']
      : [readIfThere(path), path];
  const token = text?.trim();
  if (token === undefined || token === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected one word of plain letters and digits as the token in ${place}, got something else; make one at https://huggingface.co/settings/tokens`,
  );
}

function readIfThere(path: string): string | undefined {
  try {
    return readTextSync(path);
  } catch {
    return undefined;
  }
}
