import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { ownAddressOnly, pageHeaders } from '../loopback/own-address.ts';
import type { LiveRun } from './live-run.ts';
import { livePolicy, renderLivePage } from './page.ts';

export interface LiveAppOptions {
  live: LiveRun;
  /** The `Host` headers that are ours. */
  hosts: () => readonly string[];
  /** Somebody has asked for the page, and will ask for events. */
  onPage: () => void;
}

/** The page, and GET events: its parts as server-sent events, those that are there and then each that changes. */
export function liveApp({ live, hosts, onPage }: LiveAppOptions): Hono {
  const page = renderLivePage();
  const app = new Hono();
  app.use(ownAddressOnly(hosts, pageHeaders(livePolicy())));
  app.get('/', (context) => {
    onPage();
    return context.html(page);
  });
  app.get('/events', (context) => {
    // Nothing follows on this connection, so that the server can end with the run.
    context.header('connection', 'close');
    return streamSSE(context, async (stream) => {
      const leave = new AbortController();
      stream.onAbort(() => leave.abort());
      live.refresh();
      for await (const part of live.parts.follow(leave.signal)) await stream.writeSSE({ event: 'part', data: JSON.stringify(part) });
      if (!leave.signal.aborted) await stream.writeSSE({ event: 'end', data: '{}' });
    });
  });
  app.onError((_, context) => context.json({ error: 'the server failed at this request' }, 500));
  return app;
}
