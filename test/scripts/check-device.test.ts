import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

jest.setTimeout(180_000);

interface Result {
  name: string;
  passed?: boolean;
  value?: number | string;
  bound?: number;
  unit?: string;
  error?: string;
}
interface Phase {
  name: string;
  status: string;
  pid?: number;
  seconds?: number;
  signal?: string | null;
  reason?: string;
  results: Result[];
}
interface Document {
  format: string;
  verdict: string | null;
  settings: Record<string, unknown>;
  phases: Phase[];
}

const freshOut = (): string => join(mkdtempSync(join(tmpdir(), 'hyperfit-check-device-')), 'check.json');

function start(out: string, args: string[]): ChildProcess {
  const script = join(ROOT, 'scripts/check-device.mjs');
  // From a folder of its own: nothing may depend on where it is started. One thread: more would only wait for each other.
  return spawn(process.execPath, [script, '--device', 'cpu', '--quick', '--out', out, ...args], {
    cwd: dirname(out),
    env: { ...process.env, HYPERFIT_NUM_THREADS: '1', OMP_NUM_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function check(args: string[]): Promise<{ status: number; text: string; document: Document; folder: string[] }> {
  const out = freshOut();
  const child = start(out, args);
  const texts: string[] = [];
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => texts.push(text));
  const [status] = (await once(child, 'close')) as [number];
  const document = status === 2 || args.includes('--help') ? ({ phases: [] } as unknown as Document) : read(out);
  return { status, text: texts.join(''), document, folder: readdirSync(dirname(out)) };
}

const read = (out: string): Document => JSON.parse(readFileSync(out, 'utf8')) as Document;
const phaseOf = (document: Document, name: string): Phase => document.phases.find((phase) => phase.name === name)!;
const failed = ({ results }: Phase): string[] => results.filter(({ passed }) => passed === false).map(({ name }) => name);

/** Until the document says so: each result is on disk as soon as it is found. */
async function waitUntil(out: string, holds: (document: Document) => boolean): Promise<Document> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    try {
      const document = read(out);
      if (holds(document)) return document;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // a document that is half there is what must never be
    }
    await new Promise((next) => setTimeout(next, 10));
  }
  throw new Error('the document never said so');
}

describe('npm run check:device', () => {
  test('rehearsed on the CPU: every phase asked for passes, with figures and bounds, in one document', async () => {
    const only = [
      'driver',
      'kernels',
      'float32',
      'bfloat16',
      'decoding',
      'bits',
      'fused',
      'graphs',
      'checkpoints',
      'errors',
      'memory',
      'second',
    ];
    const { status, text, document, folder } = await check(['--only', only.join(',')]);
    expect(
      document.phases
        .map((phase) => [phase.name, failed(phase), phase.reason])
        .filter(([name]) => phaseOf(document, name as string).status === 'failed'),
    ).toEqual([]);
    expect(only.map((name) => phaseOf(document, name).status)).toEqual([...only.slice(0, -1).map(() => 'passed'), 'not here']);
    expect(phaseOf(document, 'speed-8b').status).toBe('not asked for');
    expect([status, document.format, document.verdict, folder]).toEqual([0, 'hyperfit check-device', 'passed', ['check.json']]);
    expect(text).toContain('device cpu: passed');
    const bounded = phaseOf(document, 'float32').results.filter(({ bound }) => bound !== undefined);
    expect(bounded.length).toBeGreaterThanOrEqual(15);
    for (const { value, bound } of bounded) expect(value).toBeLessThanOrEqual(bound!);
    // Operators against kernels: were both sides one and the same, nothing would differ anywhere.
    expect(bounded.some(({ value }) => (value as number) > 0)).toBe(true);
  });

  // The device of the tests that nothing may touch but operators, and whose memory can be limited: as a card in all but arithmetic.
  test('rehearsed on the guarded device: memory that runs out, another device, ends in the middle of a step', async () => {
    const only = ['driver', 'float32', 'checkpoints', 'errors', 'memory', 'exits', 'second'];
    const { status, document } = await check(['--device', 'guard:0', '--only', only.join(',')]);
    expect(
      only.map((name) => [name, phaseOf(document, name).status, failed(phaseOf(document, name)), phaseOf(document, name).reason]),
    ).toEqual(only.map((name) => [name, 'passed', [], undefined]));
    expect([status, document.verdict]).toEqual([0, 'passed']);
    const names = ['second', 'memory'].flatMap((name) => phaseOf(document, name).results.map((result) => result.name));
    expect(names).toEqual(
      expect.arrayContaining([
        'llama-tied-gqa bfloat16: ids of guard:1',
        'a step without room is refused',
        'the step that was refused runs once there is room',
      ]),
    );
  });

  test('a process that ends in the middle of a step, and speed at the smallest shape', async () => {
    const { status, document } = await check(['--only', 'exits,speed-135m']);
    expect([failed(phaseOf(document, 'exits')), failed(phaseOf(document, 'speed-135m')), status]).toEqual([[], [], 0]);
    const { results } = phaseOf(document, 'speed-135m');
    const figure = (pattern: RegExp): number => results.find(({ name }) => pattern.test(name))!.value as number;
    for (const pattern of [
      /float32: a training step/,
      /bfloat16: a training step/,
      /a token of 1 row/,
      /matrix products alone/,
      /large copy/,
      /peak memory/,
    ])
      expect(figure(pattern)).toBeGreaterThan(0);
  });

  test('one spoiled weight fails the checks it should, by name, with exit status 1', async () => {
    const { status, text, document } = await check(['--spoil', '--only', 'float32,bits']);
    expect([status, document.verdict, phaseOf(document, 'float32').status, phaseOf(document, 'bits').status]).toEqual([
      1,
      'failed',
      'failed',
      'passed',
    ]);
    for (const model of ['llama-tied-gqa', 'mistral-window', 'gpt2-tied']) {
      for (const what of ['logits', 'gradients', 'losses of 12 steps'])
        expect(failed(phaseOf(document, 'float32'))).toContain(`${model}: ${what}`);
    }
    expect(text).toMatch(/failed:\n\s+float32: gpt2-tied: logits: [\d.]+, bound 0\.00001/);
  });

  test('a phase that is out of time costs its limit, one that crashes no more than itself, and those after them run', async () => {
    const out = freshOut();
    const child = start(out, ['--only', 'float32,exits,second', '--limits', 'float32=0.4']);
    const running = await waitUntil(out, (document) => phaseOf(document, 'exits').status === 'running');
    process.kill(phaseOf(running, 'exits').pid!, 'SIGSEGV');
    const [status] = (await once(child, 'close')) as [number];
    const document = read(out);
    expect(phaseOf(document, 'float32').status).toBe('out of time');
    expect(phaseOf(document, 'exits')).toMatchObject({ status: 'crashed', signal: 'SIGSEGV' });
    expect([phaseOf(document, 'second').status, document.verdict, status]).toEqual(['not here', 'failed', 1]);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('%s leaves a whole document with what was done', async (signal) => {
    const out = freshOut();
    const child = start(out, ['--only', 'float32,bfloat16']);
    const before = await waitUntil(out, (document) => phaseOf(document, 'float32').results.length >= 3);
    child.kill(signal);
    const [status, by] = (await once(child, 'close')) as [number | null, string | null];
    const document = read(out);
    const { results, status: phase, pid } = phaseOf(document, 'float32');
    expect(results.slice(0, 3)).toEqual(phaseOf(before, 'float32').results.slice(0, 3));
    expect([status, by, phase, document.verdict]).toEqual(
      signal === 'SIGKILL'
        ? [null, 'SIGKILL', expect.stringMatching(/running|passed/), null]
        : [143, null, expect.stringMatching(/interrupted|passed/), 'interrupted by SIGTERM'],
    );
    await gone(pid!);
  });

  test.each([
    ['--device', 'tpu', 'expected cpu, cuda, cuda:N or guard:N'],
    ['--only', 'float64', 'expected some of driver, kernels, float32'],
    ['--budget', '0', 'seconds above 0'],
    ['--faster', 'yes', '--faster'],
  ])('%s %s is refused in one line', async (option, value, message) => {
    const { status, text } = await check([option, value]);
    expect(status).toBe(2);
    expect(text).toMatch(/^error: [^\n]*\n$/);
    expect(text).toContain(message);
  });

  test('--help tells every phase with its limit', async () => {
    const { status, text } = await check(['--help']);
    expect(status).toBe(0);
    for (const part of ['default: cuda', 'default: 540', 'float32', 'speed-8b', 'Exit status']) expect(text).toContain(part);
  });
});

/** A phase whose parent is gone has nobody to work for. */
async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((next) => setTimeout(next, 50));
  }
  throw new Error(`process ${pid} outlived its parent`);
}
