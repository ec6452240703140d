import type { AddressInfo } from 'node:net';
import { serve, type ServerType } from '@hono/node-server';
import { closing, type Closing } from '../closing.ts';
import { HyperfitError } from '../errors.ts';
import { playApp } from './app.ts';
import type { Stage } from './stage.ts';

const ADDRESS = '127.0.0.1';

/** A page under way. `close` stops listening and ends what is being written; the stage and its models stay the caller's. */
export interface PlayServer extends Closing {
  /** Of the page, on this machine alone. */
  url: string;
}

/**
 * Serves the page of a run on the loopback address; port 0 takes a free one.
 * @throws HyperfitError ERR_CONFIG when the port cannot be had
 */
export async function servePlay(stage: Stage, { port = 0, onError }: { port?: number; onError?: (error: unknown) => void } = {}): Promise<PlayServer> {
  let hosts: string[] = [];
  const app = playApp({ stage, hosts: () => hosts, onError });
  const { server, port: bound } = await listen(app.fetch, port);
  // Browsers leave out the port of http.
  hosts = [ADDRESS, 'localhost'].map((name) => (bound === 80 ? name : `${name}:${bound}`));
  return { url: `http://${ADDRESS}:${bound}/`, ...closing(() => close(server)) };
}

function listen(fetch: (request: Request) => Response | Promise<Response>, port: number): Promise<{ server: ServerType; port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: ADDRESS }, (info: AddressInfo) => resolve({ server, port: info.port }));
    server.on('error', (cause: NodeJS.ErrnoException) => reject(new HyperfitError('ERR_CONFIG', `expected a free port for \`port\`, got ${port}: ${cause.message}; 0 takes any free one`, { cause })));
  });
}

/** A text that is being written ends with its connection. */
async function close(server: ServerType): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  if ('closeAllConnections' in server) server.closeAllConnections();
  await closed;
}
