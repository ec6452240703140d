import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { streamSSE } from 'hono/streaming';
import { ownAddressOnly, pageHeaders } from '../loopback/own-address.ts';
import { isHyperfitError } from '../errors.ts';
import { withoutFolders } from '../run/base-names.ts';
import { playPolicy, renderPlayPage } from './page.ts';
import { MOST_CHARACTERS, parsePlayRequest, type PlayRequest } from './request.ts';
import type { Stage, StageEvent } from './stage.ts';

/** A character takes up to six bytes in JSON. */
const MAX_BODY = 6 * MOST_CHARACTERS + 4096;
const MOST_REMEMBERED = 100;

/** A pair of texts that was written, as the page shows it again. */
interface Remembered {
  id: number;
  request: PlayRequest;
  events: StageEvent[];
}

export interface PlayAppOptions {
  stage: Stage;
  /** The `Host` headers that are ours: any other name that resolves to this machine is somebody else's (DNS rebinding). */
  hosts: () => readonly string[];
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * The page, and its requests: POST write answers with server-sent events, GET sequences/N with a training sequence, GET history with the
 * pairs so far.
 */
export function playApp({ stage, hosts, onError = () => {} }: PlayAppOptions): Hono {
  const page = renderPlayPage(stage.run, { canBlock: stage.canBlock });
  const history: Remembered[] = [];
  let written = 0;
  const app = new Hono();
  app.use(ownAddressOnly(hosts, HEADERS));
  app.get('/', (context) => context.html(page));
  app.get('/history', (context) =>
    context.json({
      history: history.map(({ id, request, events }) => ({ id, request, events: events.filter(({ type }) => type !== 'token') })),
    }),
  );
  app.get('/history/:id', (context) => {
    const found = history.find(({ id }) => String(id) === context.req.param('id'));
    return found === undefined ? context.json({ error: 'that text is no longer kept' }, 404) : context.json(found);
  });
  app.get('/sequences/:number', (context) => {
    const shown = stage.sequence(Number(context.req.param('number')));
    return shown === undefined ? context.json({ error: 'there is no such training sequence' }, 404) : context.json(shown);
  });
  app.post(
    '/write',
    bodyLimit({ maxSize: MAX_BODY, onError: (context) => context.json({ error: `expected at most ${MAX_BODY} bytes` }, 413) }),
    async (context) => {
      // Other pages can post forms here unasked, but not JSON.
      if (!/^application\/json\b/i.test(context.req.header('content-type') ?? ''))
        return context.json({ error: 'expected application/json' }, 415);
      const request = parsePlayRequest(await context.req.json().catch(() => undefined));
      if (typeof request === 'string') return context.json({ error: request }, 400);
      return streamSSE(context, async (stream) => {
        const stop = new AbortController();
        stream.onAbort(() => stop.abort());
        const events: StageEvent[] = [];
        try {
          for await (const event of stage.write(request, stop.signal)) {
            events.push(event);
            await stream.writeSSE({ event: event.type, data: JSON.stringify(event) });
          }
        } catch (error) {
          if (!isHyperfitError(error)) onError(error);
          await stream.writeSSE({
            event: 'failure',
            data: JSON.stringify({ message: isHyperfitError(error) ? withoutFolders(error.message) : FAILED }),
          });
          return;
        }
        // What the reader stopped at once is not worth keeping.
        if (!events.some(({ type }) => type === 'token')) return;
        written += 1;
        history.push({ id: written, request, events });
        history.splice(0, history.length - MOST_REMEMBERED);
        await stream.writeSSE({ event: 'kept', data: JSON.stringify({ id: written }) });
      });
    },
  );
  app.onError((error, context) => {
    onError(error);
    return context.json({ error: FAILED }, 500);
  });
  return app;
}

const FAILED = 'the server failed at this request; the terminal that it runs in says why';
const HEADERS = pageHeaders(playPolicy());
