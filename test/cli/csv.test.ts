import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import { buildProgram } from '../../lib/cli/program.ts';
import { STUDY_NAMES } from '../../lib/study/study.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli, start } from './cli-process.ts';

// Every command that prints a table prints it as CSV too, with the numbers that JSON has.

jest.setTimeout(300_000);

const folder = freshFolder();
const at = (name: string): string => join(folder, name);
const data = writeIds(at('train.jsonl'), randomSequences([12, 20, 9, 20, 15, 11]));
const heldOut = writeIds(at('held-out.jsonl'), randomSequences([20, 20, 14], 2));
/** Room for the demo's contexts and continuations. */
const long = writeIds(at('long.jsonl'), randomSequences([140, 140, 140], 3));
const run = at('run');
/** What the demo may be told too. */
const SHORT = ['--data', data, '--held-out', heldOut, '--comparison-contexts', '2', '--max-steps', '2', '--learning-rate', '1e-3'];
const TRAIN = [...SHORT, '--batch-size', '3', '--context-length', '6', '--max-new-tokens', '8', '--evaluate-every-steps', '0'];
const STUDY = [
  '--model',
  TINY_MODEL,
  '--data',
  `noise=${data}`,
  '--seeds',
  '0',
  '--samples',
  '4',
  '--batch-size',
  '2',
  '--epochs',
  '1',
  '--contexts',
  '2',
  '--context-length',
  '4',
  '--new-tokens',
  '6',
];

type Row = Record<string, string>;

/** stdout as a table; lines end as RFC 4180 has it, and nothing else is there. */
async function csv(...args: string[]): Promise<Row[]> {
  const { code, stdout, stderr } = await cli(...args, '--csv');
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.endsWith('\r\n')).toBe(true);
  const rows = parse(stdout, { columns: true, record_delimiter: '\r\n' }) as Row[];
  for (const row of rows) for (const cell of Object.values(row)) expect(cell).not.toMatch(/^(NaN|null|undefined|\[object Object\])$/);
  return rows;
}

async function json(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  expect((await cli('train', '--model', TINY_MODEL, ...TRAIN, '--out', run)).code).toBe(0);
  writeFileSync(at('starts.jsonl'), '{"text":"The lamps, \\"lit\\" along"}\n{"text":"Then the rain"}\n');
});

const TABLES: Readonly<Record<string, () => Promise<void>>> = {
  train: async () => {
    const settings = await csv('train', '--model', TINY_MODEL, ...TRAIN, '--out', at('printed'), '--print-config');
    expect(settings.find(({ setting }) => setting === 'learningRate')).toMatchObject({ value: '0.001', source: 'flags' });
    const rows = await csv('train', '--model', TINY_MODEL, ...TRAIN, '--out', at('again'));
    const stored = JSON.parse(readFileSync(at('again/comparison.json'), 'utf8')) as {
      variants: { name: string; result: { ttr: number } }[];
    };
    expect(rows.map(({ name, ttr }) => [name, Number(ttr)])).toEqual(stored.variants.map(({ name, result }) => [name, result.ttr]));
  },
  demo: async () => {
    const rows = await csv(
      'demo',
      '--model',
      TINY_MODEL,
      ...SHORT,
      '--held-out',
      long,
      '--samples',
      '4',
      '--compute-dtype',
      'float32',
      '--out',
      at('demo'),
    );
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(['original, greedy', 'hyperfitted, greedy']));
    for (const { ttr } of rows) expect(Number(ttr)).toBeGreaterThan(0);
  },
  'data inspect': async () => {
    const args = ['data', 'inspect', '--model', TINY_MODEL, '--data', data, '--held-out', heldOut];
    const [rows, document] = [
      await csv(...args),
      (await json(...args)) as { documents: number; trained: { sequences: number; predicted: number } },
    ];
    expect(rows.find(({ part, what }) => part === 'data' && what === 'documents')!['count']).toBe(String(document.documents));
    expect(rows.find(({ part }) => part === 'train')).toMatchObject({
      count: String(document.trained.sequences),
      learnt: String(document.trained.predicted),
    });
  },
  generate: async () => {
    const args = ['generate', '--model', TINY_MODEL, '--prompts', at('starts.jsonl'), '--max-new-tokens', '6'];
    const [rows, { generations }] = [
      await csv(...args),
      (await json(...args)) as { generations: { prompt: string; text: string; ids: number[] }[] },
    ];
    // A prompt with a comma and quotes comes back as it was.
    expect(rows[0]!['prompt']).toBe('The lamps, "lit" along');
    expect(rows.map(({ prompt, text, ids }) => [prompt, text, ids])).toEqual(
      generations.map(({ prompt, text, ids }) => [prompt, text, ids.join(' ')]),
    );
  },
  evaluate: async () => {
    const args = [
      'evaluate',
      '--model',
      TINY_MODEL,
      '--held-out',
      heldOut,
      '--contexts',
      heldOut,
      '--context-length',
      '6',
      '--max-new-tokens',
      '8',
      '--train',
      data,
      '--memorisation',
      '2',
    ];
    const [rows, document] = [
      await csv(...args),
      (await json(...args)) as Record<string, number> & { rep: Record<string, number>; memorisation: { longest: number } },
    ];
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      model: TINY_MODEL,
      loss: String(document['loss']),
      ttr: String(document['ttr']),
      rep2: String(document.rep['2']),
      memorisedLongest: String(document.memorisation.longest),
    });
    const without = await csv('evaluate', '--model', TINY_MODEL, '--held-out', heldOut);
    expect(Object.keys(without[0]!)).toEqual(Object.keys(rows[0]!));
    expect(without[0]!['ttr']).toBe('');
  },
  runs: async () => {
    const [rows, { runs }] = [
      await csv('runs', run),
      (await json('runs', run)) as { runs: { state: string; ttr: number; config: { learningRate: number } }[] },
    ];
    expect(rows.map((row) => [row['state'], row['ttr'], row['config.learningRate']])).toEqual(
      runs.map(({ state, ttr, config }) => [state, String(ttr), String(config.learningRate)]),
    );
    const other = at('other');
    cpSync(run, other, { recursive: true });
    const sides = await csv('runs', '--compare', run, other);
    expect(sides.find(({ name }) => name === 'step')).toMatchObject({ kind: 'figure' });
  },
  'compare score': async () => {
    const page = at('page.html');
    const { key, study } = (await json('compare', 'build', run, '--against', 'original', '--out', page)) as { key: string; study: string };
    const { items } = JSON.parse(readFileSync(key, 'utf8')) as { items: { id: string }[] };
    const answers = items.map(({ id }) =>
      JSON.stringify({ study, item: id, annotator: 'a', choice: 'A', left: 0, position: 1, seconds: 2, at: '2026-01-01T00:00:00.000Z' }),
    );
    writeFileSync(at('answers.jsonl'), `${answers.join('\n')}\n`);
    const [rows, { groups }] = [
      await csv('compare', 'score', key, at('answers.jsonl')),
      (await json('compare', 'score', key, at('answers.jsonl'))) as {
        groups: { pairs: { first: string; wins: number; ties: number }[] }[];
      },
    ];
    expect(rows.map(({ first, wins, ties }) => [first, wins, ties])).toEqual(
      groups.flatMap(({ pairs }) => pairs.map(({ first, wins, ties }) => [first, String(wins), String(ties)])),
    );
    expect(rows.length).toBeGreaterThan(0);
  },
  study: async () => {
    const rows = await csv('study', 'diversity', ...STUDY, '--out', at('study'));
    const fromFile = parse(readFileSync(at('study/table.csv'), 'utf8'), { columns: true, record_delimiter: '\r\n' }) as Row[];
    expect(rows).toEqual(fromFile);
    expect(rows.length).toBeGreaterThan(10);
    const listed = await csv('study', '--list');
    expect(listed.map(({ name }) => name)).toEqual([...STUDY_NAMES]);
    expect(((await json('study', '--list')) as { studies: object[] }).studies).toEqual(listed);
  },
  export: async () => {
    const args = (name: string): string[] => [
      'export',
      '--model',
      run,
      '--out',
      at(name),
      '--type',
      'Q8_0',
      '--max-new-tokens',
      '8',
      '--no-modelfile',
      '--no-card',
    ];
    const [rows, { gate }] = [
      await csv(...args('a.gguf')),
      (await json(...args('b.gguf'))) as { gate: { exported: { ttr: number }; agreement: number } },
    ];
    expect(rows.find(({ name }) => name === 'exported')).toMatchObject({
      weights: 'Q8_0',
      ttr: String(gate.exported.ttr),
      agreement: String(gate.agreement),
    });
  },
  average: async () => {
    const args = (name: string): string[] => [
      'average',
      TINY_MODEL,
      run,
      '--out',
      at(name),
      '--contexts',
      at('starts.jsonl'),
      '--max-new-tokens',
      '8',
      '--gate',
      'warn',
    ];
    const [rows, { averaged }] = [await csv(...args('average-a')), (await json(...args('average-b'))) as { averaged: { ttr: number } }];
    expect(rows.map(({ name }) => name)).toEqual([TINY_MODEL, run, 'average']);
    expect(rows.at(-1)!['ttr']).toBe(String(averaged.ttr));
  },
  patch: async () => {
    const rows = await csv('patch', run, '--rank', '2', '--max-new-tokens', '8', '--no-merged', '--out', at('patch'));
    expect(rows.map(({ name }) => name)).toEqual(['original', 'rank 2', 'hyperfitted']);
    for (const { ttr } of rows) expect(Number(ttr)).toBeGreaterThan(0);
  },
  'checkpoint ls': async () => {
    const [rows, { checkpoints }] = [
      await csv('checkpoint', 'ls', run),
      (await json('checkpoint', 'ls', run)) as { checkpoints: { path: string; bytes: number }[] },
    ];
    expect(rows.map(({ path, bytes, problems }) => [path, bytes, problems])).toEqual(
      checkpoints.map(({ path, bytes }) => [path, String(bytes), '']),
    );
  },
  'checkpoint verify': async () => {
    const rows = await csv('checkpoint', 'verify', run);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows[0]).toMatchObject({ isResumable: expect.stringMatching(/^(true|false)$/), problems: '' });
  },
  'cache ls': async () => {
    const commit = 'a'.repeat(40);
    const repo = at('hub/models--org--tiny');
    for (const path of ['blobs', 'refs', `snapshots/${commit}`]) mkdirSync(join(repo, path), { recursive: true });
    writeFileSync(join(repo, 'blobs/b'), 'words');
    writeFileSync(join(repo, 'refs/main'), commit);
    symlinkSync('../../blobs/b', join(repo, 'snapshots', commit, 'config.json'));
    const { stdout } = await start(['cache', 'ls', '--csv'], { env: { HF_HUB_CACHE: at('hub') } }).finished;
    expect(parse(stdout, { columns: true, record_delimiter: '\r\n' })).toMatchObject([
      { kind: 'model', id: 'org/tiny', commit, refs: 'main', files: '1', bytes: '5' },
    ]);
  },
};

test.each(Object.entries(TABLES))('%s --csv', (_, check) => check());

test('these are all commands that take --csv', async () => {
  const walk = (command: Command, before: readonly string[]): string[] => [
    ...(command.options.some(({ long }) => long === '--csv') ? [[...before, command.name()].join(' ')] : []),
    ...command.commands.flatMap((child) =>
      walk(child, before.length === 0 && command.name() === 'hyperfit' ? [] : [...before, command.name()]),
    ),
  ];
  expect(walk(await buildProgram(), []).sort()).toEqual(Object.keys(TABLES).sort());
});
