import { join } from 'node:path';
import type { Hono } from 'hono';
import { studyApp } from '../../../lib/compare/app.ts';
import { Model } from '../../../lib/model/model.ts';
import { playApp } from '../../../lib/play/app.ts';
import type { Stage } from '../../../lib/play/stage.ts';
import { ApiError } from '../../../lib/serve/api-error.ts';
import { serveApp } from '../../../lib/serve/app.ts';
import type { Scheduler } from '../../../lib/serve/scheduler.ts';
import { ServedModel, ServedModels } from '../../../lib/serve/served-model.ts';
import { Tuning } from '../../../lib/serve/tuning.ts';
import { answerFor, sampleStudy } from '../../compare/samples.ts';
import { chatModel } from '../../train/dialogues.ts';
import { changedJson } from '../structured.ts';
import { scratchFolder, type FuzzedReader, type FuzzedReaders } from './reader.ts';

/** A request as it is kept: the fuzzer changes any of its parts. */
interface Asked {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const HOST = '127.0.0.1:1';

/** What a browser or another program can really send; the rest is refused by what reads HTTP, long before us. */
function asRequest({ method, path, headers, body }: Partial<Asked>): Request {
  const url = new URL(`http://${HOST}/`);
  const [place = '', query = ''] = (typeof path === 'string' ? path : JSON.stringify(path ?? '')).slice(0, 5000).split(/\?(.*)/s);
  url.pathname = place;
  url.search = query;
  const sent = new Headers({ host: HOST });
  for (const [name, value] of Object.entries(typeof headers === 'object' && headers !== null ? headers : {})) {
    try {
      sent.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    } catch {
      // No header.
    }
  }
  const known = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'].find((name) => name === method) ?? 'POST';
  const bytes = typeof body === 'string' ? body : JSON.stringify(body);
  return new Request(url, {
    method: known,
    headers: sent,
    ...(known === 'GET' || known === 'HEAD' || bytes === undefined ? {} : { body: bytes }),
  });
}

/** An answer of 500 and above is a fault of ours; 503 says that the server is busy or ending. */
async function requireAnswer(app: Hono, asked: Partial<Asked>): Promise<void> {
  const response = await app.fetch(asRequest(asked));
  const text = await response.text();
  if (response.status >= 500 && response.status !== 503) throw new Error(`${response.status}: ${text.slice(0, 300)}`);
}

function requestsTo(app: Hono, corpus: readonly Asked[]): FuzzedReader {
  const change = changedJson(corpus.map((asked) => JSON.stringify(asked)));
  return { make: change, share: 0.5, read: (bytes) => requireAnswer(app, toAsked(bytes)) };
}

/** What is no JSON any more is a body. */
function toAsked(bytes: Buffer): Partial<Asked> {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as unknown;
    return typeof value === 'object' && value !== null ? value : { method: 'POST', path: '/', headers: JSON_TYPE, body: value };
  } catch {
    return {
      method: 'POST',
      path: ['/answers', '/write', '/v1/completions', '/v1/chat/completions', '/v1/fine_tuning/jobs'][bytes.length % 5]!,
      headers: JSON_TYPE,
      body: bytes.toString('utf8'),
    };
  }
}

/** Requests are read whole, against a real model and its tokenizer; then nothing is written. */
function withoutSeats(served: ServedModel): ServedModel {
  const scheduler = {
    load: { active: 0, waiting: 0 },
    requireFit: () => {},
    submit: () => {
      throw new ApiError(429, 'no seat');
    },
  } as unknown as Scheduler;
  return Object.create(served, {
    scheduler: { value: scheduler },
    model: { value: served.model },
    tokenizer: { value: served.tokenizer },
  }) as ServedModel;
}

class ReadModel extends ServedModel {
  override get maxContext(): number {
    return this.model.config.maxPositionEmbeddings;
  }
}

const LIMITS = {
  keys: [],
  origins: [],
  seats: 8,
  maxQueue: 256,
  maxBody: 1 << 20,
  bodyTimeoutMs: 30_000,
  defaultTemperature: 0,
  learningRate: 1e-4,
  maxUpload: 1 << 20,
  uploadTimeoutMs: 30_000,
};

async function serving(): Promise<Hono> {
  const options = { ...LIMITS, onRequest: () => {}, onFailure: () => {}, onWarning: () => {} };
  const models = new ServedModels();
  const read = new ReadModel('tiny', await Model.load(chatModel()), options);
  models.add(Object.assign(withoutSeats(read), {}));
  const tuning = await Tuning.open(join(scratchFolder(), 'jobs'), models, options);
  return serveApp({ ...options, models, hosts: () => [HOST] }, (routes) => tuning.addRoutes(routes));
}

const FORM =
  '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\ncontent-type: text/plain\r\n\r\n{"text":"x"}\r\n--b--\r\n';

export async function requestReaders(): Promise<FuzzedReaders> {
  const { study, key } = sampleStudy(3);
  const answer = answerFor(key, study.items[0]!.id, 'Ada', 'alpha');
  const compare = studyApp({ study, answers: [], append: async () => {}, hosts: () => [HOST], onFailure: () => {} });
  // eslint-disable-next-line require-yield
  const stage = {
    run: { name: 'r', original: 'o', openings: [], train: [], config: {} },
    canBlock: true,
    sequence: () => undefined,
    write: async function* () {},
  } as unknown as Stage;
  const play = playApp({ stage, hosts: () => [HOST] });
  const completion = {
    model: 'tiny',
    prompt: ['The sea', 'x'],
    max_tokens: 4,
    n: 1,
    best_of: 1,
    echo: true,
    logprobs: 2,
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.5,
    top_p: 0.9,
    stop: ['a'],
    seed: 3,
    logit_bias: { 5: -100 },
    presence_penalty: 0,
    frequency_penalty: 0,
    user: 'u',
  };
  const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: { a: { type: 'string' } } } } }];
  const chat = {
    model: 'tiny',
    messages: [
      { role: 'system', content: 'x' },
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] },
      { role: 'tool', tool_call_id: 'c', content: 'y' },
    ],
    max_completion_tokens: 3,
    logprobs: true,
    top_logprobs: 2,
    tool_choice: 'none',
    tools,
    chat_template_kwargs: { a: 1 },
    response_format: { type: 'text' },
  };
  const job = {
    model: 'tiny',
    training_file: 'file-1',
    validation_file: null,
    suffix: 'x',
    seed: 1,
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2, batch_size: 'auto', learning_rate_multiplier: 1 } } },
    metadata: { a: 'b' },
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = JSON_TYPE): Asked => ({
    method: 'POST',
    path,
    headers,
    body,
  });
  const get = (path: string): Asked => ({ method: 'GET', path, headers: { origin: `http://${HOST}`, authorization: 'Bearer x' } });
  return {
    'requests of compare serve': requestsTo(compare, [post('/answers', answer), get('/answers?annotator=Ada'), get('/')]),
    'requests of play': requestsTo(play, [
      post('/write', { opening: 'The sea', maxNewTokens: 4, temperature: 0, topP: 1, repetitionPenalty: 1, seed: 0, blocker: false }),
      get('/history/1'),
      get('/sequences/0'),
    ]),
    'requests of serve': requestsTo(await serving(), [
      post('/v1/completions', completion),
      post('/v1/completions', completion),
      post('/v1/chat/completions', chat),
      post('/v1/chat/completions', chat),
      post('/v1/fine_tuning/jobs', job),
      post('/v1/files', FORM, { 'content-type': 'multipart/form-data; boundary=b' }),
      get('/v1/files?limit=2&after=x&order=asc'),
      get('/v1/fine_tuning/jobs/ftjob-1/events?limit=1'),
      get('/v1/models/tiny'),
      get('/health'),
    ]),
  };
}
