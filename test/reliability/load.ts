import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TINY_MODEL } from '../train/tiny.ts';
import { seeded } from './kills.ts';

export interface LoadCounts {
  clients: number;
  seconds: number;
  /** Requests that were to be answered, and those that were, with the text that the prompt gives alone. */
  asked: number;
  right: number;
  /** Left in the middle of a stream, before an answer, or with half of a body sent. */
  left: number;
  /** Refused as they should be: what is no request. */
  refused: number;
  /** What was not as it has to be, in words. */
  faults: string[];
  /** Answers of each client, the fewest first. */
  perClient: number[];
  /** From request to the end of the answer, seconds: median, 99th percentile, largest. */
  latency: [number, number, number];
  /** Of the server, bytes: a sample every so often, after a collection. */
  rss: number[];
  heap: number[];
  live: number[];
}

export interface LoadOptions {
  clients: number;
  seconds: number;
  seed: number;
  sampleEveryMs: number;
}

interface Stats {
  url: string;
  rss: number;
  heap: number;
  live: number;
  failures: string[];
}

const PROMPTS = ['The sea', 'Call me', 'It was', 'A ship', 'Nobody', 'Once', 'In May', 'Where'].map((prompt, index) => ({
  prompt,
  max_tokens: 5 + 6 * index,
  temperature: index % 2,
  seed: index,
}));

class LoadServer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<LoadServer> {
    const child = fork(join(__dirname, 'load-server.mjs'), [TINY_MODEL], {
      execArgv: ['--expose-gc'],
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
    await new Promise((done, fail) => child.once('message', done).once('exit', () => fail(new Error('the server ended at once'))));
    return new LoadServer(child);
  }

  async stats(): Promise<Stats> {
    const said = new Promise<Stats>((done, fail) => {
      this.#child.once('message', (message) => done(message as Stats));
      this.#child.once('exit', () => fail(new Error('the server has died')));
    });
    this.#child.send('stats');
    const stats = await said;
    this.#child.removeAllListeners('exit');
    return stats;
  }

  /** A server that outlives a test that fails would keep the whole suite from ending. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async end(): Promise<number | null> {
    const ended = new Promise<number | null>((done) => this.#child.once('exit', done));
    this.#child.send('end');
    return ended;
  }
}

/**
 * Clients that ask a server of the tiny model without a pause, some of them leaving in the middle, until `seconds` are over; then the
 * server must be empty, and every request that was waited for must have been answered with the text that its prompt gives alone.
 */
export async function load(options: LoadOptions): Promise<LoadCounts> {
  const server = await LoadServer.start();
  try {
    return await loadOn(server, options);
  } finally {
    server.kill();
  }
}

async function loadOn(server: LoadServer, { clients, seconds, seed, sampleEveryMs }: LoadOptions): Promise<LoadCounts> {
  const { url } = await server.stats();
  const expected = new Map<string, string>();
  for (const each of PROMPTS) expected.set(each.prompt, await complete(url, each, 'before'));
  const counts: LoadCounts = {
    clients,
    seconds,
    asked: 0,
    right: 0,
    left: 0,
    refused: 0,
    faults: [],
    perClient: [],
    latency: [0, 0, 0],
    rss: [],
    heap: [],
    live: [],
  };
  const latencies: number[] = [];
  const until = performance.now() + 1000 * seconds;
  const before = await server.stats();
  const own = Array.from(
    { length: clients },
    (_, index) => new Client(`client-${index}`, url, seeded(seed + 7919 * (index + 1)), expected, counts, latencies),
  );
  const sampling = sample(server, counts, until, sampleEveryMs);
  await Promise.all(own.map((client) => client.askUntil(until)));
  await sampling;
  counts.perClient = own.map(({ answered }) => answered).sort((a, b) => a - b);
  latencies.sort((a, b) => a - b);
  counts.latency = [0.5, 0.99, 1].map((share) => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0) as [
    number,
    number,
    number,
  ];
  await settle(url, counts);
  const after = await server.stats();
  if (after.live !== before.live) counts.faults.push(`${before.live} live tensors before, ${after.live} after`);
  for (const failure of after.failures) counts.faults.push(`the server: ${failure}`);
  const code = await server.end();
  if (code !== 0) counts.faults.push(`the server ended with ${code}`);
  return counts;
}

async function sample(server: LoadServer, { rss, heap, live }: LoadCounts, until: number, everyMs: number): Promise<void> {
  while (performance.now() < until) {
    const stats = await server.stats();
    rss.push(stats.rss);
    heap.push(stats.heap);
    live.push(stats.live);
    await sleep(Math.min(everyMs, Math.max(1, until - performance.now())));
  }
}

/** Those that left give back their seats with the next token. */
async function settle(url: string, { faults }: LoadCounts): Promise<void> {
  let last = '';
  for (let turn = 0; turn < 200; turn += 1) {
    last = await (await fetch(`${url}health`)).text();
    if (last.includes('"active":0,"waiting":0')) return;
    await sleep(50);
  }
  faults.push(`ten seconds after the last client the server says ${last}`);
}

type Params = (typeof PROMPTS)[number];

async function complete(url: string, params: Params, user: string): Promise<string> {
  const response = await post(url, { ...params, user });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return ((await response.json()) as { choices: [{ text: string }] }).choices[0].text;
}

function post(url: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Each is answered once and leaves twice at least, however short it all is. */
const FIRST = [0, 0.75, 0.9];

class Client {
  answered = 0;

  constructor(
    readonly name: string,
    readonly url: string,
    readonly random: () => number,
    readonly expected: ReadonlyMap<string, string>,
    readonly counts: LoadCounts,
    readonly latencies: number[],
  ) {}

  async askUntil(until: number): Promise<void> {
    for (let turn = 0; turn < FIRST.length || performance.now() < until; turn += 1) {
      const params = PROMPTS[Math.floor(this.random() * PROMPTS.length)]!;
      const dice = FIRST[turn] ?? this.random();
      try {
        if (dice < 0.35) await this.#answered(params, () => complete(this.url, params, this.name));
        else if (dice < 0.7) await this.#answered(params, () => this.#streamed(params));
        else if (dice < 0.82) await this.#leaveStream(params);
        else if (dice < 0.95) await this.#leaveBefore(params);
        else await this.#refused();
      } catch (error) {
        this.counts.faults.push(`${this.name}: ${String(error)}, ${String((error as Error).cause ?? '')}`);
      }
    }
  }

  async #answered({ prompt }: Params, ask: () => Promise<string>): Promise<void> {
    const started = performance.now();
    this.counts.asked += 1;
    const text = await ask();
    this.latencies.push((performance.now() - started) / 1000);
    if (text !== this.expected.get(prompt)) throw new Error(`another text for ${prompt}: ${text}`);
    this.counts.right += 1;
    this.answered += 1;
  }

  async #streamed(params: Params): Promise<string> {
    const response = await post(this.url, { ...params, user: this.name, stream: true });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    const lines = (await response.text()).split('\n\n').filter((line) => line.startsWith('data: '));
    if (lines.at(-1) !== 'data: [DONE]') throw new Error(`a stream that ends in ${lines.at(-1)}`);
    return lines
      .slice(0, -1)
      .map((line) => (JSON.parse(line.slice(6)) as { choices: [{ text: string }?] }).choices[0]?.text ?? '')
      .join('');
  }

  async #leaveStream(params: Params): Promise<void> {
    const leave = new AbortController();
    const response = await post(
      this.url,
      { ...params, max_tokens: 150, user: this.name, stream: true, n: 1 + Math.floor(this.random() * 3) },
      leave.signal,
    );
    const reader = response.body!.getReader();
    for (let chunks = Math.floor(this.random() * 4); chunks > 0; chunks -= 1) await reader.read();
    leave.abort();
    await reader.cancel().catch(() => {}); // what has come whole is not closed by leaving
    this.counts.left += 1;
  }

  async #leaveBefore(params: Params): Promise<void> {
    const leave = new AbortController();
    const asked = post(this.url, { ...params, max_tokens: 150, user: this.name }, leave.signal).then((response) => response.text());
    setTimeout(() => leave.abort(), this.random() * 60);
    await asked.catch((error: Error) => {
      if (error.name !== 'AbortError') throw error;
    });
    this.counts.left += 1;
  }

  async #refused(): Promise<void> {
    const response = await post(this.url, { prompt: 'a', temperature: -1 });
    if (response.status !== 400) throw new Error(`${response.status} for what is no request`);
    await response.arrayBuffer();
    this.counts.refused += 1;
  }
}
