import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isComplete } from '../../lib/checkpoint/checkpoint-list.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const yaml = createRequire(__filename)('js-yaml') as { load(text: string): Record<string, unknown> };
const folder = freshFolder();
const run = join(folder, 'run');
const sequences = randomSequences(Array.from({ length: 24 }, () => 24));
const data = writeIds(join(folder, 'data.jsonl'), sequences);
const cardOf = (path: string): string => readFileSync(join(path, 'README.md'), 'utf8');

beforeAll(async () => {
  const { code, stderr } = await cli(
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--samples',
    '16',
    '--batch-size',
    '4',
    '--max-steps',
    '6',
    '--lora-rank',
    '2',
    '--learning-rate',
    '0.02',
    '--context-length',
    '6',
    '--max-new-tokens',
    '12',
    '--evaluate-every-steps',
    '3',
    '--out',
    run,
    '--quiet',
  );
  expect([code, stderr]).toEqual([0, '']);
}, 120_000);

test('every folder of a run has a card: recipe, data by hash, certificate, before and after, memorisation; and no text of the data', async () => {
  const checkpoint = join(run, 'checkpoints', 'step-000006');
  for (const place of [checkpoint, join(run, 'checkpoints', 'best-by-loss')]) {
    const card = cardOf(place);
    expect(yaml.load(/^---\n([\s\S]*?)\n---\n/.exec(card)![1]!)).toMatchObject({
      library_name: 'transformers',
      license: 'unknown',
      tags: ['hyperfitting', 'hyperfit'],
    });
    const {
      data: { sha256 },
    } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as { data: { sha256: string } };
    for (const part of [
      '# tiny-text, hyperfitted',
      '## Recipe',
      'LoRA of rank 2',
      '## Data',
      sha256,
      '16, 384 tokens',
      '## Certificate',
      'mean training loss',
      '## Before and after',
      'Type-token ratio',
      '## Memorisation',
      '## Intended use and limits',
      '## How to load',
    ]) {
      expect(card).toContain(part);
    }
    expect(card).not.toMatch(/undefined|\bNaN\b|null/);
    expect(await isComplete(place)).toBe(true);
  }
  expect(yaml.load(/^---\n([\s\S]*?)\n---\n/.exec(cardOf(join(checkpoint, 'adapter')))![1]!)).toMatchObject({
    library_name: 'peft',
    tags: ['hyperfitting', 'hyperfit', 'lora'],
  });
});

test('save: a type, shards, an adapter merged, the card of the run', async () => {
  const out = join(folder, 'half');
  const { stdout, code } = await cli('save', '--model', run, '--dtype', 'bfloat16', '--max-shard-size', '50KB', '--out', out, '--json');
  expect(code).toBe(0);
  const document = JSON.parse(stdout) as Record<string, unknown>;
  expect(document).toMatchObject({
    schemaVersion: 1,
    folder: out,
    dtype: 'bfloat16',
    rounding: { largest: expect.any(Number), mean: expect.any(Number) },
    greedy: { texts: 4 },
  });
  expect(existsSync(join(out, 'model.safetensors.index.json'))).toBe(true);
  expect(cardOf(out)).toMatch(/tiny-text, hyperfitted[\s\S]*weights in bfloat16[\s\S]*## Certificate/);

  const merged = join(folder, 'merged');
  const second = await cli('save', '--model', TINY_MODEL, '--adapter', run, '--out', merged);
  expect([second.code, second.stdout]).toEqual([0, expect.stringMatching(/^saved .*merged: float32, \d+\.\d MB in model\.safetensors\n$/)]);
  const ids = async (model: string): Promise<string> =>
    (await cli('generate', '--model', model, '--prompt-ids', '5,6,7', '--max-new-tokens', '12', '--json')).stdout;
  expect(await ids(merged)).toBe(await ids(run));

  const again = await cli('save', '--model', TINY_MODEL, '--out', merged);
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/ERR_CHECKPOINT.*a model in it.*`--overwrite|overwrite: true`/)]);
  const rounded = await cli('save', '--model', run, '--dtype', 'float16', '--out', merged, '--overwrite');
  expect(rounded.stdout).toMatch(
    /rounding changed a weight by \S+ % in the mean and \S+ % at most; greedy ids are the same in \d of 4 texts/,
  );
}, 120_000);
