import type { AddressInfo } from 'node:net';
import { serve, type ServerType } from '@hono/node-server';
import type { Hono } from 'hono';
import { HyperfitError } from '../errors.ts';

const ADDRESS = '127.0.0.1';
const MOST_PORT = 65_535;

/** A server that this machine alone reaches. */
export interface LoopbackServer {
  url: string;
  /** Stops listening, and lets what is under way end. */
  close: () => Promise<void>;
  /** Stops listening, and ends what is under way. */
  end: () => Promise<void>;
}

/**
 * Serves on the loopback address; port 0 takes a free one.
 * @param makeApp is told how to know the `Host` headers that are ours: any other name that resolves to this machine is somebody else's (DNS rebinding)
 * @throws HyperfitError ERR_CONFIG when the port cannot be had
 */
export async function serveLoopback(makeApp: (hosts: () => readonly string[]) => Hono, port = 0): Promise<LoopbackServer> {
  if (!Number.isInteger(port) || port < 0 || port > MOST_PORT) throw new HyperfitError('ERR_CONFIG', `expected a number from 0 to ${MOST_PORT} for \`port\`, got ${port}; 0 takes any free one`);
  let hosts: string[] = [];
  const { server, port: bound } = await listen(makeApp(() => hosts).fetch, port);
  // Browsers leave out the port of http.
  hosts = [ADDRESS, 'localhost'].map((name) => (bound === 80 ? name : `${name}:${bound}`));
  return { url: `http://${ADDRESS}:${bound}/`, close: () => stop(server, 'closeIdleConnections'), end: () => stop(server, 'closeAllConnections') };
}

function listen(fetch: (request: Request) => Response | Promise<Response>, port: number): Promise<{ server: ServerType; port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: ADDRESS }, (info: AddressInfo) => resolve({ server, port: info.port }));
    server.on('error', (cause: NodeJS.ErrnoException) => reject(new HyperfitError('ERR_CONFIG', `expected a free port for \`port\`, got ${port}: ${cause.message}; 0 takes any free one`, { cause })));
  });
}

/** Kept-alive connections without a request would hold the server open. */
async function stop(server: ServerType, connections: 'closeIdleConnections' | 'closeAllConnections'): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  if (connections in server) (server as { [name in typeof connections]: () => void })[connections]();
  await closed;
}
