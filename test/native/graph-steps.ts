import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import { makeBatch as batchOf, targetCount } from '../../lib/data/batch.ts';
import { Model } from '../../lib/model/model.ts';
import type { ModelBatch } from '../../lib/model/model-batch.ts';
import { Optimizer, type OptimizerOptions } from '../../lib/model/optimizer.ts';
import { standIn } from '../devices.ts';
import { randomRows } from '../oracle/batches.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import { type DriverSettings, loadDriver, writeImages } from '../stand-ins/cuda-driver.ts';
import { loadGuard } from '../stand-ins/guard.ts';

// Training steps on the guarded device, for which the driver that stands in for NVIDIA's records graphs. Their temporaries have memory to
// themselves.

export const DEVICE = standIn('guard:1');
/** As people name theirs: the first. */
export const UNNUMBERED = standIn('guard');
export const guard = loadGuard();
export const driver = loadDriver();

/** Before each test of a file the driver serves anew; a test may have it serve otherwise. */
export function serveDriver(): (settings?: Partial<DriverSettings>) => void {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-graphs-'));
  const images = writeImages(join(folder, 'images'));
  const serve = (settings: Partial<DriverSettings> = {}): void => driver.serve(images, settings);
  beforeEach(() => serve());
  afterAll(() => {
    driver.leave();
    rmSync(folder, { recursive: true });
  });
  return serve;
}

export const rowsOf = (seed: number, count: number, length: number): Int32Array[] =>
  randomRows(seed, count, length, 80).map((row) => Int32Array.from(row));
/** Six steps: of two shapes, of one and of two batches. */
export const STEPS: ModelBatch[][] = [
  [batchOf(rowsOf(1, 2, 20))],
  [batchOf(rowsOf(2, 2, 20)), batchOf(rowsOf(3, 2, 20))],
  [batchOf(rowsOf(4, 1, 13))],
  [batchOf(rowsOf(5, 2, 20)), batchOf(rowsOf(6, 1, 13))],
  [batchOf(rowsOf(7, 1, 13))],
  [batchOf(rowsOf(8, 2, 20))],
];
export const FAMILIES = [
  'llama-tied-gqa',
  'mistral-window',
  'qwen3-window-mha',
  'gemma2-untied-mha',
  'gemma3-tied-gqa',
  'gpt2-tied',
] as const;
export const DTYPES = ['float32', 'bfloat16'] as const;

export interface Training {
  dtype?: ComputeDType;
  recompute?: boolean;
  options?: OptimizerOptions;
  maxGradNorm?: number | null;
  graphs?: boolean;
}

/** What `work` finds, and the weights and moments after it. */
export async function trainedBy(
  name: string,
  { dtype = 'float32', recompute = false, options = {}, graphs = true }: Training,
  work: (optimizer: Optimizer) => Promise<unknown[]>,
): Promise<unknown[]> {
  addon().setGraphs(graphs);
  const model = await Model.load(tinyModelPath(name), { device: DEVICE, computeDtype: dtype, recompute });
  const optimizer = new Optimizer(model, { weightDecay: 0.01, ...options });
  try {
    const found = await work(optimizer);
    return [
      ...found,
      optimizer.stepCount,
      ...[...readAll(model.parameters()), ...readAll(optimizer.state())].map(([parameter, values]) => [parameter, [...values]]),
    ];
  } finally {
    addon().setGraphs(true);
    optimizer.dispose();
    model.dispose();
  }
}

/** Losses, norms and weights of twice these steps, each with a learning rate of its own. */
export function trained(name: string, training: Training): Promise<unknown[]> {
  const { maxGradNorm = 0.5 } = training;
  return trainedBy(name, training, async (optimizer) => {
    const found: unknown[] = [];
    for (const [index, batches] of [...STEPS, ...STEPS].entries()) {
      const gradScale = 1 / batches.reduce((sum, batch) => sum + targetCount(batch), 0);
      const { lossSums, gradNorm } = await optimizer.trainStep(batches, {
        learningRate: 1e-3 / (1 + index),
        gradScale,
        ...(maxGradNorm === null ? {} : { maxGradNorm }),
      });
      found.push(...lossSums, gradNorm);
    }
    return found;
  });
}

/** The same of steps that update within their backward, a batch each. */
export function trainedWithin(name: string, training: Training): Promise<unknown[]> {
  return trainedBy(name, training, async (optimizer) => {
    const found: unknown[] = [];
    for (const [index, batch] of [...STEPS, ...STEPS].flat().entries()) {
      const { lossSum, gradNorm } = await optimizer.stepInBackward(batch, {
        learningRate: 1e-3 / (1 + index),
        gradScale: 1 / targetCount(batch),
      });
      found.push(lossSum, gradNorm);
    }
    return found;
  });
}

/** Checks that `work` gives the same with graphs and without, that none was refused, and that each served more than once. */
export async function expectSameBits(work: (graphs: boolean) => Promise<unknown>, serve: () => void): Promise<void> {
  const expected = await work(false);
  const before = addon().deviceGraphs();
  serve();
  expect(await work(true)).toEqual(expected);
  const after = addon().deviceGraphs();
  expect(after.refusals).toBe(before.refusals);
  expect(after.replays - before.replays).toBeGreaterThan(after.recorded - before.recorded);
  const { graphs } = driver.counts();
  expect(graphs.captures).toBe(after.recorded - before.recorded);
  expect(graphs.destroyed).toBe(graphs.made); // the model is gone, and what it had with it
}
