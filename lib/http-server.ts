import type { AddressInfo } from 'node:net';
import { serve, type ServerType } from '@hono/node-server';
import { HyperfitError } from './errors.ts';

export const LOOPBACK = '127.0.0.1';

/** How long clients may take to read their last answer, or to send what they began. */
const GRACE_MS = 500;

/** What a client may take of a server before it has asked for anything. */
export interface ConnectionLimits {
  /** In which a whole request must have arrived. */
  requestTimeout: number;
  /** In which its head must have. Counts from the moment a client connects. */
  headersTimeout: number;
  /** Between looks for who is late. */
  connectionsCheckingInterval: number;
  /** At once; further ones are closed as they come, so that files can still be opened. */
  maxConnections: number;
}

/** Of the pages, which a browser or two ask. Times in milliseconds. */
export const PAGE_LIMITS: ConnectionLimits = {
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
  maxConnections: 256,
};

export interface ListenOptions {
  /** Default: this machine alone. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** Default: those of pages. */
  limits?: ConnectionLimits;
}

export interface Listening {
  server: ServerType;
  /** The one that was taken. */
  port: number;
}

/**
 * Answers requests at an address.
 * @throws HyperfitError ERR_CONFIG when the port is none, or cannot be had
 */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { host = LOOPBACK, port, limits = PAGE_LIMITS }: ListenOptions,
): Promise<Listening> {
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new HyperfitError('ERR_CONFIG', `expected a number from 0 to 65535 for \`port\`, got ${port}; 0 takes any free one`);
  const { maxConnections, ...serverOptions } = limits;
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: host, serverOptions }, (info: AddressInfo) => resolve({ server, port: info.port }));
    server.maxConnections = maxConnections;
    server.on('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new HyperfitError('ERR_CONFIG', `expected a free port for \`port\`, got ${host}:${port}: ${cause.message}; 0 takes any free one`, {
          cause,
        }),
      );
    });
  });
}

/** Hosts by which a browser on this machine calls such a server; it leaves out the port of http. */
export function ownHosts(port: number): string[] {
  return [LOOPBACK, 'localhost'].map((name) => (port === 80 ? name : `${name}:${port}`));
}

export interface CloseOptions {
  /** How long what is under way may take to end after `finish`. Default: half a second. */
  graceMs?: number;
  /** Ends what is being answered. */
  finish?: () => Promise<unknown>;
}

/**
 * Stops listening, lets what is under way end, and cuts off who has not ended by then: a client that holds a request open would hold the
 * server too.
 */
export async function closeServer(server: ServerType, { graceMs = GRACE_MS, finish }: CloseOptions = {}): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await finish?.();
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  const timer = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
