import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Model } from '../../lib/model/model.ts';
import { makeBatch } from './batches.ts';

/** A folder to be read by transformers, or an adapter to be laid over `base` by PEFT. */
export interface TransformersJob {
  folder: string;
  base?: string;
  ids: readonly (readonly number[])[];
}

const VENVS = [process.env['HYPERFIT_FIXTURES_VENV'], join(homedir(), '.cache/hyperfit/fixtures-venv')];
/** Python with transformers, PEFT and gguf: `bash scripts/fixtures.sh environment` makes it. */
export const PYTHON = VENVS.flatMap((venv) => (venv === undefined ? [] : [join(venv, 'bin/python')])).find((path) => existsSync(path));

/** Skipped by name where that Python is not there. */
export const testWithPython = PYTHON === undefined ? test.skip : test;

/** Of each job, the logits of the last token of each row. */
export function transformersLogits(jobs: readonly TransformersJob[]): Float64Array[] {
  const input = JSON.stringify(jobs.map(({ folder, base, ids }) => ({ folder, base, ids })));
  const output = execFileSync(PYTHON!, [resolve(__dirname, '../../scripts/fixtures/adapters.py'), '--check'], {
    input,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  return (JSON.parse(output.toString('utf8')) as number[][][]).map((rows) => Float64Array.from(rows.flat()));
}

/** Logits of the last token of each row, one row after the other. */
export async function lastLogits(model: Model, rows: readonly (readonly number[])[]): Promise<Float64Array> {
  const { tokens, batchSize, sequenceLength } = makeBatch(rows);
  const { logits } = await model.forward({ tokens, batchSize, sequenceLength });
  const all = logits.toTypedArray() as Float32Array;
  const width = logits.shape[2]!;
  logits.dispose();
  return Float64Array.from(
    rows.flatMap((_, row) => [...all.subarray((row * sequenceLength + sequenceLength - 1) * width, (row + 1) * sequenceLength * width)]),
  );
}
