import { randomUUID } from 'node:crypto';
import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono, type Context } from 'hono';
import { access, hasAccess, type AccessOptions } from './access.ts';
import { ApiError, toApiError } from './api-error.ts';
import { readJson, type BodyLimits } from './body.ts';
import { chatChunks, chatReply } from './chat-reply.ts';
import { readChatRequest } from './chat-request.ts';
import { choiceEvents, type ChoiceEvent } from './choice-events.ts';
import { completionChunks, completionReply } from './completion-reply.ts';
import { readCompletionRequest } from './completion-request.ts';
import { Fields } from './fields.ts';
import type { SequenceRequest } from './sequence.ts';
import type { ServedModel, ServedModels } from './served-model.ts';
import { sseResponse } from './sse.ts';

/** One line for the log of the server. */
export interface RequestRecord {
  /** Of HTTP. */
  method: string;
  /** Without the query, as it was sent: what is escaped in it cannot break a line of a log. */
  path: string;
  /** Of the answer. */
  status: number;
  /** Wall time. */
  seconds: number;
}

export interface AppOptions extends AccessOptions, BodyLimits {
  models: ServedModels;
  /** What counts where a request gives none. */
  defaultTemperature: number;
  onRequest: (record: RequestRecord) => void;
  /** Told of failures that are nobody's mistake, whose words clients do not get. */
  onFailure: (error: unknown) => void;
}

/**
 * The part of OpenAI's API that completes texts: /v1/models, /v1/completions, /v1/chat/completions; and /health. `addRoutes` adds more
 * behind the same door.
 */
export function serveApp(options: AppOptions, addRoutes: (app: Hono) => void = () => {}): Hono {
  const { models, onRequest, onFailure, defaultTemperature } = options;
  const app = new Hono();
  const describe = (error: unknown): ApiError => {
    const refusal = toApiError(error);
    if (refusal.status === 500 || refusal.status === 507) onFailure(error);
    return refusal;
  };
  app.use(async (context, next) => {
    const started = performance.now();
    await next();
    context.header('x-request-id', `req_${randomUUID()}`);
    context.header('x-content-type-options', 'nosniff');
    context.header('cross-origin-resource-policy', 'same-origin');
    onRequest({
      method: context.req.method,
      path: new URL(context.req.url).pathname,
      status: context.res.status,
      seconds: (performance.now() - started) / 1000,
    });
  });
  app.use(access(options));
  app.get('/health', (context) => {
    const load = (): object => ({ models: models.loaded.map(({ id, scheduler }) => ({ id, ...scheduler.load })) });
    return context.json({ status: 'ok', ...(hasAccess(context, options.keys) ? load() : {}) });
  });
  app.get('/v1/models', (context) => context.json({ object: 'list', data: models.entries }));
  app.get('/v1/models/:id{.+}', (context) => context.json(models.entry(context.req.param('id'))));

  app.post('/v1/completions', async (context) => {
    const { fields, served, client } = await readRequest(context);
    const request = await readCompletionRequest(fields, served, defaultTemperature);
    return answer(
      context,
      served,
      client,
      request,
      (events) => completionReply(request, served, events),
      (events) => completionChunks(request, served, events),
    );
  });
  app.post('/v1/chat/completions', async (context) => {
    const { fields, served, client } = await readRequest(context);
    const request = await readChatRequest(fields, served, defaultTemperature);
    return answer(
      context,
      served,
      client,
      request,
      (events) => chatReply(request, served, events),
      (events) => chatChunks(request, served, events),
    );
  });
  addRoutes(app);
  for (const [path, methods] of METHODS) app.all(path, (context) => refuseMethod(context, methods));
  app.notFound((context) => {
    throw new ApiError(404, `expected a path of this server, got ${context.req.method} ${context.req.path}; docs/serve.md lists them`, {
      code: 'unknown_url',
    });
  });
  app.onError((error, context) => {
    const { status, body, details } = describe(error);
    return context.json(body, status as 400, details.headers);
  });
  return app;

  async function readRequest(context: Context): Promise<{ fields: Fields; served: ServedModel; client: string }> {
    const fields = new Fields(await readJson(context, options));
    const id = fields.text('model');
    if (id === undefined) throw fields.refuse('model', 'the name of a model', id);
    return { fields, served: await models.get(id), client: clientOf(context, fields) };
  }

  type Events = AsyncGenerator<ChoiceEvent, void, void>;

  async function answer(
    context: Context,
    served: ServedModel,
    client: string,
    { stream, sequences }: { stream: boolean; sequences: readonly SequenceRequest[] },
    whole: (events: Events) => Promise<object>,
    chunks: (events: Events) => AsyncGenerator<object, void, void>,
  ): Promise<Response> {
    const left = new AbortController();
    const signal = AbortSignal.any([context.req.raw.signal, left.signal]);
    const events = choiceEvents(served.scheduler, client, sequences, signal);
    if (!stream) return context.json(await whole(events));
    return sseResponse(chunks(events), { describe: (error) => describe(error).body, onLeave: () => left.abort() });
  }
}

/** What each path answers to; other methods, and the deletion of a model above all, are refused by name. */
const METHODS: readonly (readonly [path: string, methods: string])[] = [
  ['/health', 'GET'],
  ['/v1/models', 'GET'],
  ['/v1/models/*', 'GET'],
  ['/v1/completions', 'POST'],
  ['/v1/chat/completions', 'POST'],
];

function refuseMethod(context: Context, methods: string): never {
  const { method, path } = context.req;
  const remedy =
    method === 'DELETE'
      ? 'clients cannot delete a model here: stop serving it, or delete the folder of its job'
      : 'docs/serve.md lists what there is';
  throw new ApiError(405, `expected ${methods} for ${path}, got ${method}, which is not supported; ${remedy}`, {
    code: 'method_not_supported',
    headers: { allow: methods },
  });
}

/** Whoever shares a key may tell its users apart, so that they take turns. */
function clientOf(context: Context, fields: Fields): string {
  const user = fields.value('user') ?? fields.value('safety_identifier') ?? '';
  return JSON.stringify([context.req.header('authorization') ?? '', typeof user === 'string' ? user : '', addressOf(context)]);
}

/** A request made in the process itself has none. */
function addressOf(context: Context): string {
  try {
    return getConnInfo(context).remote.address ?? '';
  } catch {
    return '';
  }
}
