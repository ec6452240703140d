import type { Hono } from 'hono';
import { closeServer, listen, LOOPBACK, ownHosts, PAGE_LIMITS } from '../http-server.ts';

/** A server that this machine alone reaches. */
export interface LoopbackServer {
  url: string;
  /** Stops listening, and lets what is under way end for a moment. */
  close: () => Promise<void>;
  /** Stops listening, and ends what is under way. */
  end: () => Promise<void>;
}

/**
 * Serves on the loopback address; port 0 takes a free one.
 * @param makeApp is told how to know the `Host` headers that are ours: any other name that resolves to this machine is somebody else's (DNS
 * rebinding)
 * @throws HyperfitError ERR_CONFIG when the port cannot be had
 */
export async function serveLoopback(
  makeApp: (hosts: () => readonly string[]) => Hono,
  port = 0,
  limits = PAGE_LIMITS,
): Promise<LoopbackServer> {
  let hosts: string[] = [];
  const { server, port: bound } = await listen(makeApp(() => hosts).fetch, { port, limits });
  hosts = ownHosts(bound);
  return { url: `http://${LOOPBACK}:${bound}/`, close: () => closeServer(server), end: () => closeServer(server, { graceMs: 0 }) };
}
