import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newestCheckpoint } from '../../lib/checkpoint/checkpoint-list.ts';
import { readMetrics } from '../../lib/run/metric-log.ts';
import { runFolder } from '../../lib/run/run-folder.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(300_000);

const folder = freshFolder();
const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 20 }, () => 20)));
const TRAIN = [
  'train',
  '--model',
  TINY_MODEL,
  '--data',
  data,
  '--samples',
  '8',
  '--batch-size',
  '4',
  '--learning-rate',
  '1e-3',
  '--epochs',
  '4',
  '--context-length',
  '8',
  '--max-new-tokens',
  '12',
  '--threads',
  '1',
];

test('a run for Q4_0 says so wherever it says what it reached, and is exported as that', async () => {
  const out = join(folder, 'run');
  const { code, stdout, stderr } = await cli(...TRAIN, '--quantize', 'Q4_0', '--out', out);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  expect(stdout).toMatch(/measured on weights +as a Q4_0 file holds them/);
  expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))).toMatchObject({
    config: { quantize: 'Q4_0' },
    sources: { quantize: 'flags' },
  });
  expect(readMetrics(runFolder(out).metricsFile).findLast(({ type }) => type === 'certificate')).toMatchObject({ quantize: 'Q4_0' });
  expect(readFileSync(runFolder(out).reportFile, 'utf8')).toContain('as a Q4_0 file holds them');
  const { path } = (await newestCheckpoint(join(out, 'checkpoints')))!;
  expect(readFileSync(join(path, 'README.md'), 'utf8')).toMatch(
    /trained for \| GGUF Q4_0[\s\S]*measured on weights \| as a Q4_0 file holds them/,
  );
  for (const type of [[], ['--type', 'auto']]) {
    const exported = await cli('export', '--model', out, ...type, '--out', join(folder, `run${type.length}.gguf`), '--json');
    expect(JSON.parse(exported.stdout)).toMatchObject({ type: 'Q4_0', gate: { passes: 'Q4_0', agreement: 1 } });
  }
});

test('an unknown type and LoRA beside it are refused before anything is read', async () => {
  const unknown = await cli(...TRAIN, '--quantize', 'Q4_K_S', '--out', join(folder, 'no'));
  expect({ code: unknown.code, stderr: unknown.stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/quantize.*Q4_K_M/) });
  const lora = await cli(...TRAIN, '--quantize', 'Q4_0', '--lora-rank', '2', '--out', join(folder, 'no'));
  expect(lora.stderr).toMatch(/either `--quantize` or `--lora-rank`, got both/);
});
