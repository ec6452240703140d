import { request, type IncomingMessage } from 'node:http';
import OpenAI from 'openai';
import { RunningBatch } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { serveModels, type ModelServer, type ServeOptions } from '../../lib/serve/server.ts';
import { TINY_MODEL } from '../train/tiny.ts';

export interface Serving {
  server: ModelServer;
  client: OpenAI;
  /** The model that is served, to be asked beside the server. */
  model: Model;
}

/** The tiny model under the name `tiny`, at a free port, and OpenAI's own client for it. */
export async function serveTiny(options: ServeOptions = {}, path = TINY_MODEL): Promise<Serving> {
  const model = await Model.load(path);
  const server = await serveModels(new Map([['tiny', model]]), { port: 0, graceMs: 200, ...options });
  return { server, client: clientOf(server, options.keys?.[0]), model };
}

/**
 * Holds every batch before its next token, so that what is under way can be counted however busy the machine is; gives what lets them go.
 */
export function holdBatches(): () => void {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const { advance } = RunningBatch.prototype;
  RunningBatch.prototype.advance = async function (steps) {
    await opened;
    return advance.call(this, steps);
  };
  return () => {
    RunningBatch.prototype.advance = advance;
    open();
  };
}

export function clientOf({ url }: ModelServer, apiKey = 'none'): OpenAI {
  return new OpenAI({ baseURL: `${url}v1`, apiKey, maxRetries: 0 });
}

/** A request with whatever headers, which `fetch` would set itself; `body` in pieces, without an end where it ends in null. */
export function send(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: readonly (string | null)[] },
): Promise<{ response: IncomingMessage; text: string }> {
  const { method = 'GET', headers = {}, body = [] } = options;
  return new Promise((done, fail) => {
    const going = request(url, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => done({ response, text })).on('error', fail);
    });
    going.on('error', fail);
    for (const part of body) if (part !== null) going.write(part);
    if (body.at(-1) !== null) going.end();
  });
}
