import { setTimeout as sleep } from 'node:timers/promises';
import { serveLoopback } from '../loopback/server.ts';
import { liveApp } from './app.ts';
import type { LiveRun } from './live-run.ts';

export interface LiveServer {
  url: string;
  /** Once the run has ended: sends what is left to those who look on, and stops listening. */
  close: () => Promise<void>;
}

/** Of a browser that takes nothing any more, milliseconds. */
const PATIENCE = 2000;
/** For a browser that was opened and has not asked yet, milliseconds: how a run of a moment ended is to be seen too. */
const WELCOME = 6000;

/**
 * Serves the page of a run that is under way on the loopback address; port 0 takes a free one.
 * @param isExpected told whether a browser was opened
 * @throws HyperfitError ERR_CONFIG when the port cannot be had
 */
export async function serveLive(
  live: LiveRun,
  { port = 0, isExpected = () => false }: { port?: number; isExpected?: () => boolean } = {},
): Promise<LiveServer> {
  let isAsked = false;
  const server = await serveLoopback((hosts) => liveApp({ live, hosts, onPage: () => (isAsked = true) }), port);
  return {
    url: server.url,
    close: async () => {
      if (isAsked || isExpected()) await Promise.race([live.parts.followed, sleep(WELCOME, undefined, { ref: false })]);
      const gone = setTimeout(() => void server.end(), PATIENCE);
      await server.close();
      clearTimeout(gone);
    },
  };
}
