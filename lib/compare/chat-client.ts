import { HyperfitError } from '../errors.ts';

export interface ChatEndpoint {
  /** E.g. `http://127.0.0.1:8000/v1`; `/chat/completions` is added unless it is there. */
  endpoint: string;
  model: string;
  apiKey?: string | undefined;
  /** Further tries after 429, 5xx and lost connections; default 5. */
  retries?: number;
  /** Before the first further try, milliseconds; doubled each time, or what `Retry-After` says. Default 1000. */
  retryDelay?: number;
  /** For one request, milliseconds; default 120,000. */
  timeout?: number;
  signal?: AbortSignal | undefined;
}

const LONGEST_DELAY = 60_000;

/**
 * The reply of an OpenAI-compatible endpoint at temperature 0. The key is in no message.
 * @throws HyperfitError ERR_CONFIG when it refuses the request or goes on failing after all tries, with what it said; rejects with the
 *   signal's reason when aborted
 */
export async function chat(prompt: string, options: ChatEndpoint): Promise<string> {
  const { retries = 5, retryDelay = 1000, signal } = options;
  for (let attempt = 0; ; attempt += 1) {
    signal?.throwIfAborted();
    const outcome = await request(prompt, options);
    if (typeof outcome === 'string') return outcome;
    signal?.throwIfAborted();
    if (!outcome.mayPass || attempt === retries) throw refusal(options, outcome, attempt + 1);
    await pause(Math.min(LONGEST_DELAY, outcome.retryAfter ?? retryDelay * 2 ** attempt), signal);
  }
}

interface Failure {
  message: string;
  mayPass: boolean;
  /** Milliseconds. */
  retryAfter?: number;
}

function refusal({ endpoint, model }: ChatEndpoint, { message }: Failure, tries: number): HyperfitError {
  return new HyperfitError(
    'ERR_CONFIG',
    `expected an answer of ${model} at \`endpoint\` ${withoutCredentials(endpoint)}, got ${message} (${tries} tries); check address, model name and key`,
  );
}

function withoutCredentials(endpoint: string): string {
  const url = new URL(endpoint);
  return `${url.origin}${url.pathname}`;
}

async function request(prompt: string, { endpoint, model, apiKey, timeout = 120_000, signal }: ChatEndpoint): Promise<string | Failure> {
  const url = endpoint.endsWith('/chat/completions') ? endpoint : `${endpoint.replace(/\/+$/, '')}/chat/completions`;
  const limits = [AbortSignal.timeout(timeout), ...(signal === undefined ? [] : [signal])];
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) },
      body: JSON.stringify({ model, temperature: 0, messages: [{ role: 'user', content: prompt }] }),
      signal: AbortSignal.any(limits),
    });
    return response.ok ? readReply(await response.json()) : await failureOf(response);
  } catch (error) {
    return { message: describe(error), mayPass: true };
  }
}

function describe(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

function readReply(body: unknown): string | Failure {
  const content = (body as { choices?: { message?: { content?: unknown } }[] } | null)?.choices?.[0]?.message?.content;
  return typeof content === 'string' ? content : { message: 'a response without choices[0].message.content', mayPass: false };
}

async function failureOf(response: Response): Promise<Failure> {
  const text = (await response.text().catch(() => '')).replace(/\s+/g, ' ').slice(0, 200);
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) && seconds >= 0 ? { retryAfter: seconds * 1000 } : {};
  return {
    message: `status ${response.status}${text === '' ? '' : `: ${text}`}`,
    mayPass: response.status === 429 || response.status >= 500,
    ...retryAfter,
  };
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
