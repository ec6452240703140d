import { isIPv6 } from 'node:net';
import { closing, type Closing } from '../closing.ts';
import { HyperfitError } from '../errors.ts';
import { closeServer, listen, type ConnectionLimits } from '../http-server.ts';
import type { Model } from '../model/model.ts';
import { serveApp, type RequestRecord } from './app.ts';
import { ServedModel, ServedModels } from './served-model.ts';
import { Tuning } from './tuning.ts';

const SERVE_DEFAULTS = {
  host: '127.0.0.1',
  port: 8080,
  keys: [] as readonly string[],
  origins: [] as readonly string[],
  allowedHosts: [] as readonly string[],
  seats: 8,
  maxQueue: 256,
  maxConnections: 1024,
  maxBody: 8 * 2 ** 20,
  bodyTimeoutMs: 30_000,
  graceMs: 5_000,
  defaultTemperature: 0,
  learningRate: 1e-4,
  maxUpload: 64 * 2 ** 20,
  uploadTimeoutMs: 300_000,
};

/** Of `serveModels`. */
export interface ServeOptions {
  /** The address to listen at; any but a loopback one needs a key. Default 127.0.0.1. */
  host?: string;
  /** 0 takes a free one. Default 8080. */
  port?: number;
  /** Keys that open the server, as `Authorization: Bearer KEY`; none is open to all programs of this machine. */
  keys?: readonly string[];
  /** Pages that may ask from a browser, as `https://app.example`; `*` for all, which needs a key. Default none. */
  origins?: readonly string[];
  /** Further `Host` headers to answer to, for a server behind a proxy. */
  allowedHosts?: readonly string[];
  /** Sequences of one model that decode together, at most 64 on the CPU. Default 8. */
  seats?: number;
  /** Sequences of one model that may wait. Default 256. */
  maxQueue?: number;
  /** Tokens that prompt and continuation may have together. Default the model's positions. */
  maxContext?: number | undefined;
  /** Connections at once; further ones are closed as they come. Default 1024. */
  maxConnections?: number;
  /** Bytes of a JSON body. Default 8 MiB. */
  maxBody?: number;
  /** How long a body may take to come. Default 30 s. */
  bodyTimeoutMs?: number;
  /** How long `close` waits for what is under way. Default 5 s. */
  graceMs?: number;
  /** Of requests that give none. Default 0, greedy, which is what hyperfitted models are made for; OpenAI's is 1. */
  defaultTemperature?: number;
  /** Folder of uploaded files and fine-tuning jobs, which outlive the server; without one there are none. */
  jobs?: string | undefined;
  /** Of fine-tuning jobs, multiplied by their `learning_rate_multiplier`. Default 1e-4. */
  learningRate?: number;
  /** Bytes of an uploaded file. Default 64 MiB. */
  maxUpload?: number;
  /** How long an upload may take. Default 5 minutes. */
  uploadTimeoutMs?: number;
  /** Told of each request once it is answered. */
  onRequest?: (record: RequestRecord) => void;
  /** Told of what is worth knowing, such as jobs whose files cannot be read. */
  onWarning?: (message: string) => void;
  /** Told of failures that are nobody's mistake. */
  onFailure?: (error: unknown) => void;
}

/** A server under way. `close` refuses what is new, lets what is under way end for `graceMs`, cancels the rest and disposes the models. */
export interface ModelServer extends Closing {
  /** Ends in a slash; with `v1` behind it this is the `base_url` of a client. */
  url: string;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/**
 * Serves models, by the names that clients use, in the form of OpenAI's API. The models are the server's from then on: `close` disposes
 * them.
 * @throws HyperfitError ERR_CONFIG for an address that cannot be had, and for one that other machines reach without a key; ERR_TOKENIZER
 * for a model without a tokenizer
 *
 * @example
 * await using server = await serveModels(new Map([['novel', model]]), { port: 8080 });
 * console.log(server.url);
 */
export async function serveModels(models: ReadonlyMap<string, Model>, options: ServeOptions = {}): Promise<ModelServer> {
  const settings = { ...SERVE_DEFAULTS, onRequest: () => {}, onFailure: () => {}, onWarning: () => {}, ...options };
  const { host, allowedHosts, graceMs } = settings;
  checkExposure(settings);
  const served = new ServedModels();
  for (const [id, model] of models) served.add(new ServedModel(id, model, settings));
  const tuning = settings.jobs === undefined ? undefined : await Tuning.open(settings.jobs, served, settings);
  const isLoopback = LOOPBACK.has(host);
  let names: string[] = [];
  const hosts = (): readonly string[] | undefined => (isLoopback ? names : undefined);
  const app = serveApp({ ...settings, models: served, hosts }, (routes) => tuning?.addRoutes(routes));
  const { server, port } = await listen(app.fetch, { host, port: settings.port, limits: limitsOf(settings) }).catch(
    async (error: unknown) => {
      await tuning?.close(0);
      throw error;
    },
  );
  names = [
    ...['127.0.0.1', 'localhost', '[::1]'].flatMap((name) => namesOf(name, port)),
    ...allowedHosts.map((name) => name.toLowerCase()),
  ];
  tuning?.start();
  const close = closing(() => closeServer(server, { finish: () => Promise.all([served.close(graceMs), tuning?.close(graceMs)]) }));
  return { url: `http://${isIPv6(host) ? `[${host}]` : host}:${port}/`, ...close };
}

/** A browser leaves out the port of http. */
function namesOf(name: string, port: number): string[] {
  return port === 80 ? [name, `${name}:80`] : [`${name}:${port}`];
}

function checkExposure({ host, keys, origins }: { host: string; keys: readonly string[]; origins: readonly string[] }): void {
  if (keys.length > 0) return;
  if (!LOOPBACK.has(host)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a key for \`host\` ${host}, which other machines reach, got none; give --api-key, or listen at 127.0.0.1`,
    );
  }
  if (origins.includes('*'))
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected a key with `--cors *`, which lets in every page, got none; give --api-key, or name the pages',
    );
}

/** Behind the application's own limit stands node's, for heads that never end and bodies that nobody reads. */
function limitsOf({
  bodyTimeoutMs,
  uploadTimeoutMs,
  maxConnections,
}: {
  bodyTimeoutMs: number;
  uploadTimeoutMs: number;
  maxConnections: number;
}): ConnectionLimits {
  const headersTimeout = Math.min(60_000, bodyTimeoutMs);
  return {
    requestTimeout: Math.max(bodyTimeoutMs, uploadTimeoutMs) + 60_000,
    headersTimeout,
    connectionsCheckingInterval: Math.max(500, headersTimeout / 6),
    maxConnections,
  };
}
