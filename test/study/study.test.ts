import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readVariants } from '../../lib/compare/generation-file.ts';
import { cli, start } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(600_000);

const folder = freshFolder();
const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 30 }, () => 24)));
const COMMON = [
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
  '--contexts',
  '4',
  '--context-length',
  '8',
  '--new-tokens',
  '12',
];

const study = (name: string, out: string, ...more: string[]): string[] => ['study', name, ...COMMON, '--out', out, ...more];
const read = (out: string): StudyFile => JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyFile;
const cellFiles = (out: string): string[] => readdirSync(join(out, 'cells')).filter((name) => name.endsWith('.json'));
const valueOf = (file: StudyFile, of: string, quantity: string): number =>
  file.findings!.rows.find((row) => row.of === of && row.quantity === quantity)!.ours!.value;

test('curve: a point for each epoch, published values beside ours, everything written down', async () => {
  const out = join(folder, 'curve');
  const { code, stdout, stderr } = await cli(...study('curve', out, '--epochs', '3', '--seeds', '0,1', '--json'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('cell 2/2 train-s1: done in') });
  const file = read(out);
  expect(JSON.parse(stdout)).toEqual({ ...file, folder: out });
  expect(file).toMatchObject({
    study: 'curve',
    seeds: [0, 1],
    versions: { node: process.version },
    domains: [{ name: 'noise', train: { sequences: 16 } }],
  });
  expect(file.domains[0]!.train.sha256).toMatch(/^[0-9a-f]{64}$/);
  const losses = [1, 2, 3].map((epoch) => valueOf(file, `epoch ${epoch}`, 'training loss'));
  expect(losses).toEqual([...losses].sort((left, right) => right - left));
  expect(file.findings!.rows[3]).toMatchObject({ of: 'epoch 1', quantity: 'training loss', paper: { text: '2.81', mark: 'D' } });
  const table = readFileSync(join(out, 'table.md'), 'utf8');
  expect(table).toContain('|  | quantity | paper | certainty | ours |');
  expect(table).toMatch(/\| epoch 1 \| training loss \| 2\.81 \| D \| [\d.]+, 2 runs, seeds [\d.]+ [\d.]+ \[\d+\] \|/);
  expect(table).toMatch(/`ttr\|unit:token-ids\|window:last-96\|.*\|contexts:4\|seeds:2\|.*hyperfit:[\d.]+`; cells\/train-s0\.json/);
});

test('order: a repeat agrees everywhere, and no weights are left behind', async () => {
  const out = join(folder, 'order');
  expect((await cli(...study('order', out, '--epochs', '2', '--seeds', '0,1'))).code).toBe(0);
  const file = read(out);
  const [{ values, rows }] = file.findings!.matrices as [
    StudyFile['findings'] extends infer F ? (F extends { matrices: (infer M)[] } ? M : never) : never,
  ];
  expect(rows).toEqual(['as listed', 'as listed, again', 'one pair exchanged', 'shuffled, seed 0', 'shuffled, seed 1']);
  expect(values[0]![1]!.value).toBe(1);
  for (const [row, line] of values.entries())
    for (const [column, measured] of line.entries()) expect(measured!.value).toBe(values[column]![row]!.value);
  expect(values[3]![4]!.value).toBeLessThan(1);
  expect(readdirSync(join(out, 'cells')).filter((name) => !name.endsWith('.json'))).toEqual([]);
  const [text] = await readVariants(join(out, 'generations', 'swap-1.jsonl'), {
    encode: async () => new Int32Array(0),
    decode: async (ids) => Array.from(ids).join(' '),
    decodeContinuation: (_, ids) => Array.from(ids).join(' '),
  });
  expect(text!.texts).toHaveLength(4);
});

test('quantity: nested sizes, equal updates in one budget and equal epochs in the other', async () => {
  const out = join(folder, 'quantity');
  expect((await cli(...study('quantity', out, '--epochs', '2', '--seeds', '0', '--sizes', '4,8,64', '--keep-models'))).code).toBe(0);
  const stepsOf = (id: string): number =>
    (JSON.parse(readFileSync(join(out, 'cells', `${id}.json`), 'utf8')) as { result: { steps: number } }).result.steps;
  expect(['updates-4-s0', 'updates-8-s0', 'updates-16-s0'].map((id) => stepsOf(`train-${id}`))).toEqual([8, 8, 8]);
  expect(['epochs-4-s0', 'epochs-8-s0'].map((id) => stepsOf(`train-${id}`))).toEqual([2, 4]);
  expect(existsSync(join(out, 'cells', 'train-updates-4-s0', 'end', 'model.safetensors'))).toBe(true);
});

test('diversity: the blocker follows the settings of its rule', async () => {
  const blocked = async (out: string, ...rule: string[]): Promise<number[][]> => {
    expect((await cli(...study('diversity', out, '--epochs', '30', '--seeds', '0', '--match-length', '1', ...rule))).code).toBe(0);
    const { result } = JSON.parse(readFileSync(join(out, 'cells', 'text-blocked-s0.json'), 'utf8')) as {
      result: { texts: { ids: number[] }[] };
    };
    return result.texts.map(({ ids }) => ids);
  };
  const [atWordEnd, atOnce] = [
    await blocked(join(folder, 'blocked-at-word-end')),
    await blocked(join(folder, 'blocked-at-once'), '--no-wait-for-word-end'),
  ];
  expect(atOnce).not.toEqual(atWordEnd);
});

describe('killed and run again', () => {
  const out = join(folder, 'killed');
  const args = study('order', out, '--epochs', '40', '--seeds', '0,1');

  test('finished cells are not done twice, and the result is that of an uninterrupted run', async () => {
    const running = start(args);
    await running.saying('cell 4/15 train-repeat: done in');
    running.child.kill('SIGKILL');
    expect((await running.finished).signal).toBe('SIGKILL');
    const finished = cellFiles(out);
    expect(finished.length).toBeGreaterThanOrEqual(4);
    expect(read(out).findings).toBeNull();
    const before = new Map(finished.map((name) => [name, statSync(join(out, 'cells', name)).mtimeMs]));
    const again = await cli(...args);
    expect(again.code).toBe(0);
    expect(again.stderr.match(/done before/g)).toHaveLength(finished.length);
    expect(again.stderr.match(/done in/g)).toHaveLength(15 - finished.length);
    for (const [name, time] of before) expect(statSync(join(out, 'cells', name)).mtimeMs).toBe(time);
    const whole = join(folder, 'whole');
    await cli(...study('order', whole, '--epochs', '40', '--seeds', '0,1'));
    expect(read(out).findings).toEqual(read(whole).findings);
  });

  test('a third run does nothing but write the same again', async () => {
    const before = read(out);
    const { stderr } = await cli(...args);
    expect(stderr.match(/done before/g)).toHaveLength(15);
    expect(read(out)).toEqual({ ...before, finishedAt: expect.any(String) });
  });

  test('a torn cell file and another setting are done again', async () => {
    writeFileSync(join(out, 'cells', 'text-repeat.json'), '{"schemaVersion": 1, "ha');
    const torn = await cli(...args);
    // The weights it needs are gone, so their training is repeated with it.
    expect(torn.stderr.match(/done in/g)).toHaveLength(2);
    const changed = await cli(...study('order', out, '--epochs', '41', '--seeds', '0,1'));
    expect(changed.stderr).not.toContain('done before');
  });
});

describe('refusals', () => {
  const refuse = async (...args: string[]): Promise<{ code: number | null; stderr: string }> => {
    const { code, stderr } = await cli(...args);
    return { code, stderr };
  };

  test('name the mistake and the remedy', async () => {
    expect(await refuse('study', 'curves', ...COMMON, '--out', join(folder, 'a'))).toEqual({
      code: 2,
      stderr: expect.stringContaining('curve'),
    });
    expect(await refuse(...study('domains', join(folder, 'b')))).toEqual({
      code: 2,
      stderr: expect.stringContaining('expected two domains or more'),
    });
    expect(await refuse(...study('downstream', join(folder, 'c')))).toEqual({
      code: 2,
      stderr: expect.stringContaining('--task NAME=FILE.jsonl'),
    });
    expect(await refuse(...study('probe', join(folder, 'd')))).toEqual({ code: 2, stderr: expect.stringContaining('give --text') });
    expect(await refuse(...study('curve', join(folder, 'e'), '--seeds', '1,1'))).toEqual({
      code: 2,
      stderr: expect.stringContaining('different seeds'),
    });
    expect(await refuse(...study('curve', join(folder, 'f'), '--samples', '30'))).toEqual({
      code: 3,
      stderr: expect.stringContaining('lower --samples or give --held-out'),
    });
  });

  test('a folder with something else in it stays as it is', async () => {
    const out = freshFolder();
    writeFileSync(join(out, 'notes.txt'), 'mine');
    expect(await refuse(...study('curve', out))).toEqual({ code: 2, stderr: expect.stringContaining('notes.txt') });
    expect(readdirSync(out)).toEqual(['notes.txt']);
    writeFileSync(join(out, 'study.json'), '{"study": "order"}');
    expect(await refuse(...study('curve', out))).toEqual({ code: 2, stderr: expect.stringContaining('a study `order`') });
  });
});
