import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readGgufParts } from '../../lib/model/gguf-parts.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const folder = freshFolder();
const run = join(folder, 'run');
const data = writeIds(join(folder, 'data.jsonl'), randomSequences([12, 12, 12, 12, 12, 12]));
const train = (...args: string[]): ReturnType<typeof cli> =>
  cli(
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--batch-size',
    '2',
    '--max-steps',
    '4',
    '--learning-rate',
    '0.05',
    '--evaluate-every-steps',
    '2',
    '--comparison-contexts',
    '0',
    '--json',
    ...args,
  );

async function idsOf(...args: string[]): Promise<number[]> {
  const { stdout, stderr, code } = await cli('generate', '--prompt-ids', '5,6,7', '--max-new-tokens', '12', '--json', ...args);
  expect([code, stderr]).toEqual([0, '']);
  return (JSON.parse(stdout) as { generations: { ids: number[] }[] }).generations[0]!.ids;
}

test('a run of LoRA keeps its adapter, which laid over the base writes what the run writes', async () => {
  expect(await train('--out', run, '--lora-rank', '3')).toMatchObject({ code: 0 });
  const best = join(run, 'checkpoints', 'best-by-loss');
  for (const place of ['step-000004', 'best-by-loss'])
    expect(existsSync(join(run, 'checkpoints', place, 'adapter', 'adapter_model.safetensors'))).toBe(true);
  const { metadata } = await readGgufParts(join(run, 'checkpoints', 'step-000004', 'adapter', 'adapter.gguf'));
  expect(['general.type', 'adapter.type', 'adapter.lora.alpha'].map((key) => metadata.get(key))).toEqual(['adapter', 'lora', 3]);
  const [original, written] = [await idsOf('--model', TINY_MODEL), await idsOf('--model', run)];
  expect(written).not.toEqual(original);
  for (const adapter of [run, join(run, 'checkpoints', 'step-000004'), join(run, 'checkpoints', 'step-000004', 'adapter')])
    expect(await idsOf('--model', TINY_MODEL, '--adapter', adapter)).toEqual(written);
  expect(await idsOf('--model', TINY_MODEL, '--adapter', best)).toEqual(await idsOf('--model', best));
}, 120_000);

test('training goes on from an adapter, with all weights; not as LoRA', async () => {
  const { code, stderr } = await train('--out', join(folder, 'on'), '--adapter', run);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const both = await train('--out', join(folder, 'both'), '--adapter', run, '--lora-rank', '2');
  expect([both.code, both.stderr]).toEqual([2, expect.stringMatching(/`--adapter` or `--lora-rank`, got both/)]);
  const missing = await cli('generate', '--model', TINY_MODEL, '--adapter', folder, '--prompt-ids', '5');
  expect([missing.code, missing.stderr]).toEqual([3, expect.stringMatching(/adapter_config\.json.*give the folder that PEFT wrote/)]);
}, 120_000);
