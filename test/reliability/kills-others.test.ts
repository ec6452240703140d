import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readGguf } from './read-gguf.ts';
import { CLI, ROOT } from '../cli/cli-process.ts';
import { filesOf, LoopbackHub } from '../hub/loopback-hub.ts';
import { makeWheel, pinOf, serveIndex, TORCH_WHEEL, type WheelIndex } from '../libtorch/wheel-index.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { hashesIn, hashOf, isJson, killCommand, type Killed } from './killed-commands.ts';
import { seeded } from './kills.ts';

// KILLS and KILL_SEED make the long form of it: npm run reliability:kill -- --what others.
const kills = Number(process.env['KILLS'] ?? 1);
const seed = Number(process.env['KILL_SEED'] ?? 1);
const isLong = kills > 10;

const folder = freshFolder();
const data = writeIds(join(folder, 'noise.jsonl'), randomSequences(Array.from({ length: 30 }, () => 24)));
const hub = new LoopbackHub();
const wheel = makeWheel();
const pins = join(folder, 'pins.json');
let index: WheelIndex;

beforeAll(async () => {
  await hub.start();
  // Weights of some size in many bites, so that most kills fall into them.
  hub.add('org/tiny', { ...filesOf(TINY_MODEL), 'model-00002-of-00002.safetensors': Buffer.alloc(12e6, 'some bytes of no model') });
  index = await serveIndex({ [TORCH_WHEEL]: wheel.bytes });
  writeFileSync(pins, JSON.stringify([pinOf(wheel)]));
});
afterAll(async () => {
  await hub.stop();
  await index.close();
});

const leftovers = (out: string): string[] =>
  readdirSync(out, { recursive: true })
    .map(String)
    .filter((name) => /partial|lock\.json$|incomplete/.test(name));
const unreadable = (paths: readonly string[]): string[] =>
  paths.filter((path) => existsSync(path) && !isJson(path)).map((path) => `${path} is no JSON`);
const cellsOf = (out: string): string[] =>
  existsSync(join(out, 'cells')) ? readdirSync(join(out, 'cells')).filter((name) => name.endsWith('.json')) : [];

/** Findings without what no two runs share: when, and how long. */
function timeless(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'), (key, value: unknown) =>
    ['startedAt', 'finishedAt', 'seconds', 'resumedAt'].includes(key) ? undefined : value,
  );
}

const study: Killed = {
  name: 'study',
  command: (out) => [
    process.execPath,
    CLI,
    'study',
    'quality',
    '--model',
    TINY_MODEL,
    '--data',
    `noise=${data}`,
    '--samples',
    '16',
    '--batch-size',
    '4',
    '--learning-rate',
    '1e-3',
    '--epochs',
    '2',
    '--contexts',
    '4',
    '--context-length',
    '8',
    '--new-tokens',
    '12',
    '--seeds',
    '0',
    '--out',
    out,
    '--quiet',
  ],
  faultsIn: (out) => unreadable([join(out, 'study.json'), ...cellsOf(out).map((name) => join(out, 'cells', name))]),
  progress: (out) => cellsOf(out).length,
  trace: (out) => ({
    findings: (timeless(join(out, 'study.json')) as { findings: unknown }).findings,
    cells: cellsOf(out)
      .sort()
      .map((name) => timeless(join(out, 'cells', name))),
    files: hashesIn(out, (name) => /\.(md|csv)$|^generations\//.test(name)),
    leftovers: leftovers(out),
  }),
};

const exported = (split: boolean): Killed => ({
  name: split ? 'export in parts' : 'export',
  command: (out) => {
    mkdirSync(out, { recursive: true });
    return [
      process.execPath,
      CLI,
      'export',
      '--model',
      TINY_MODEL,
      '--out',
      join(out, 'tiny.gguf'),
      '--type',
      split ? 'F16' : 'Q8_0',
      '--gate',
      'off',
      '--overwrite',
      '--quiet',
      ...(split ? ['--split-max-size', '100000'] : []),
    ];
  },
  faultsIn: (out) =>
    readdirSync(out)
      .filter((name) => name.endsWith('.gguf'))
      .flatMap((name) => readGguf(join(out, name))),
  progress: (out) => readdirSync(out).filter((name) => name.endsWith('.gguf')).length,
  trace: (out) => ({
    files: hashesIn(out, (name) => name.endsWith('.gguf')),
    texts: readdirSync(out)
      .filter((name) => !name.endsWith('.gguf'))
      .sort(),
    leftovers: leftovers(out),
  }),
});

/** A blob has its name only when it is whole: it is named after its hash. */
const wrongBlobs = (out: string): string[] => {
  const blobs = join(out, 'hub', 'models--org--tiny', 'blobs');
  if (!existsSync(blobs)) return [];
  return readdirSync(blobs)
    .filter((name) => /^[0-9a-f]{64}$/.test(name) && hashOf(join(blobs, name)) !== name)
    .map((name) => `blob ${name} is another one`);
};

const fetched: Killed = {
  name: 'download of a model',
  command: () => [process.execPath, CLI, 'fetch', 'org/tiny', '--include', '*', '--quiet'],
  env: (out) => hub.env(out),
  faultsIn: wrongBlobs,
  progress: (out) => Object.keys(hashesIn(join(out, 'hub', 'models--org--tiny', 'snapshots'))).length,
  trace: (out) => ({ files: hashesIn(join(out, 'hub', 'models--org--tiny', 'snapshots')), leftovers: leftovers(out) }),
};

const installed: Killed = {
  name: 'download of libtorch',
  command: () => [process.execPath, join(ROOT, 'test/reliability/install-child.mjs'), pins],
  env: (out) => ({ ...(index.env as Record<string, string>), HYPERFIT_CACHE: out }),
  // A folder of libtorch has its name only when all of it was checked.
  faultsIn: (out) =>
    existsSync(join(out, 'libtorch', '2.11.0-cpu')) && Object.keys(hashesIn(join(out, 'libtorch', '2.11.0-cpu'))).length < 4
      ? ['half a libtorch has its name']
      : [],
  trace: (out) => ({ files: hashesIn(out) }),
};

test.each([study, exported(false), exported(true), fetched, installed])(
  'kill -9 at random moments, $name: nothing half looks whole, and the next attempt ends like one that nobody killed',
  async (killed) => {
    const counts = await killCommand(killed, join(folder, basename(freshFolder())), kills, seeded(seed));
    if (isLong) process.stdout.write(`${killed.name}: ${counts.kills} kills in ${counts.trials} trials, ${counts.equal} equal\n`);
    expect(counts.faults).toEqual([]);
    expect(counts.equal).toBe(counts.trials);
  },
  60_000 + kills * 20_000,
);
