import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import { estimateTrainingMemory, type MemoryEstimate, type MemoryOptions } from '../../lib/model/memory-estimate.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { cheapestChange, estimateRunMemory, requireMemory, type MeasuredModel } from '../../lib/run/run-memory.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { makeBatch } from '../../lib/data/batch.ts';
import { describeOnEachDevice, standIn } from '../devices.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { loadDriver, writeImages } from '../stand-ins/cuda-driver.ts';
import { loadGuard } from '../stand-ins/guard.ts';

const ROWS = [3, 5, 1];

/** Bytes of the lines whose names begin so. */
const bytesOf = ({ lines }: MemoryEstimate, ...starts: string[]): number =>
  lines.filter(({ of }) => starts.some((start) => of.startsWith(start))).reduce((sum, { bytes }) => sum + bytes, 0);

/** Two for each float of the weights' buffer; what is saved has not the gaps between parameters. */
function expectMoments(estimated: number, parameterBytes: number, savedBytes: number, optim: string): void {
  const floats = parameterBytes / 4;
  expect(estimated).toBe(optim === 'adamw' ? 8 * floats : 2 * floats + (8 * floats) / 256);
  expect(savedBytes).toBeLessThanOrEqual(estimated);
  expect(savedBytes).toBeGreaterThan(estimated / 2);
}

describeOnEachDevice('the estimate of memory beside what a step takes', (device) => {
  const cases: { name: string; model: string; options: MemoryOptions }[] = [
    { name: 'all weights', model: 'llama-tied-gqa', options: {} },
    { name: 'bfloat16 products', model: 'llama-untied-mha', options: { computeDtype: 'bfloat16' } },
    { name: 'soft caps, norms behind, windows', model: 'gemma2-tied-gqa', options: { computeDtype: 'bfloat16' } },
    { name: 'norms of heads', model: 'gemma3-tied-gqa', options: {} },
    { name: 'fused projections', model: 'gpt2-untied-odd', options: {} },
    { name: 'moments in 8 bits', model: 'llama-tied-gqa', options: { optim: 'adamw_8bit' } },
    { name: 'LoRA on the last layer', model: 'llama-untied-mha', options: { lora: { rank: 3, layers: 1 } } },
    { name: 'LoRA on all layers', model: 'gpt2-untied-odd', options: { computeDtype: 'bfloat16', lora: { rank: 2 } } },
  ];

  test.each(cases)('$name', async ({ model: name, options }) => {
    const { computeDtype = 'float32', optim = 'adamw', lora } = options;
    const model = await Model.load(tinyModelPath(name), { device, computeDtype });
    const optimizer = new Optimizer(model, { optim, lora });
    for (const length of ROWS)
      await model.forwardBackward(makeBatch([Int32Array.from({ length: 2 + length }, (_, index) => index + 1), Int32Array.of(4, 2)]));
    const used = model.memoryUsage();
    const estimate = estimateTrainingMemory(model.config, { ...options, device, batchSize: 2, sequenceLength: 2 + Math.max(...ROWS) });
    expect(bytesOf(estimate, 'weights, float32')).toBe(used.parameterBytes);
    const [counted, held] = [bytesOf(estimate, 'weights as products', 'gradients'), used.gradientBytes + used.computeBytes];
    expect(counted).toBe(held);
    expect(bytesOf(estimate, 'activations', 'scores of attention', 'logits')).toBe(used.workspaceBytes);
    const state = bytesOf(estimate, 'moments', 'the matrices', 'A and B');
    // Gradients of A and B are no part of what is saved.
    if (lora !== undefined) expect(Math.abs(state - bytesOf(estimate, 'A and B') / 4 - optimizer.stateBytes)).toBeLessThan(0.02 * state);
    else expectMoments(state, used.parameterBytes, optimizer.stateBytes, optim);
    optimizer.dispose();
    model.dispose();
  });
});

describeOnEachDevice('the estimate of memory beside what texts take', (device) => {
  test.each(['float32', 'bfloat16'] as const)('in %s: keys and values, and on a device what tokens are drawn by', async (computeDtype) => {
    const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device, computeDtype });
    const prompts = [
      [1, 2, 3, 4, 5],
      [6, 7],
      [8, 9, 10],
    ];
    await model.generate(prompts, { maxNewTokens: 9, stopIds: [], temperature: 1 });
    const estimate = estimateTrainingMemory(model.config, {
      device,
      computeDtype,
      sequenceLength: 8,
      decoding: { rows: prompts.length, positions: 5 + 9, draws: true },
    });
    expect(bytesOf(estimate, 'keys and values')).toBe(model.memoryUsage().cacheBytes);
    expect(bytesOf(estimate, 'weights that tokens are drawn by') > 0).toBe(device !== 'cpu');
    model.dispose();
  });
});

describe('memory that graphs keep of attention', () => {
  const guard = loadGuard();
  const driver = loadDriver();
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-graph-memory-'));
  beforeAll(() => {
    guard.becomeCard();
    driver.serve(writeImages(join(folder, 'images')));
  });
  afterAll(() => {
    guard.beNoCard();
    driver.leave();
    rmSync(folder, { recursive: true });
  });

  test('is said where attention gives results of its own and passes are graphs', async () => {
    const bytes = async (name: string, device: DeviceName): Promise<number> =>
      bytesOf(
        estimateTrainingMemory((await openModelFiles(tinyModelPath(name))).config, { device, batchSize: 2, sequenceLength: 20 }),
        'what graphs keep',
      );
    expect(await bytes('llama-tied-gqa', standIn('guard:1'))).toBeGreaterThan(0);
    expect(await bytes('llama-tied-gqa', 'cpu')).toBe(0);
    expect(await bytes('gemma2-untied-mha', standIn('guard:1'))).toBe(0); // a soft cap: scores lie in memory of the model
    addon().setGraphs(false);
    expect(await bytes('llama-tied-gqa', standIn('guard:1'))).toBe(0);
    addon().setGraphs(true);
  });
});

describe('what a run is told', () => {
  const config = normalizeConfig([{ name: 'test', values: { batchSize: 8 } }]).config;
  const data = { train: Array.from({ length: 8 }, () => ({ ids: Array.from({ length: 24 }, () => 1) })), contexts: [] } as never;
  let measured: MeasuredModel;
  beforeAll(async () => {
    measured = { config: (await openModelFiles(tinyModelPath('llama-untied-mha'))).config, heldDtype: 'float32' };
  });

  test('one that fits is not mentioned; one that does not is refused with the smallest change that helps', () => {
    const { totalBytes } = estimateRunMemory(config, measured, data);
    const halved = estimateRunMemory({ ...config, gradientAccumulationSteps: 2 }, measured, data).totalBytes;
    expect(halved).toBeLessThan(totalBytes);
    expect(() => requireMemory(config, measured, data, 0, totalBytes)).not.toThrow();
    expect(() => requireMemory(config, measured, data, 100, totalBytes - 100)).not.toThrow();
    expect(() => requireMemory(config, measured, data, 0, totalBytes - 1)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY', message: expect.stringContaining('with gradientAccumulationSteps 2 it fits') }),
    );
    expect(() => requireMemory(config, measured, data, 0, 1000)).toThrow('shorter sequences or a smaller model');
  });

  test('more and more is changed until it fits', () => {
    const of = <T>(value: T): T[] => Array.from({ length: 24 }, () => value);
    const deep: MeasuredModel = {
      ...measured,
      config: { ...measured.config, numHiddenLayers: 24, layerRopes: of(measured.config.layerRopes[0]!), layerWindows: of(0) },
    };
    const change = (share: number): string | undefined =>
      cheapestChange(config, deep, data, share * estimateRunMemory(config, deep, data).totalBytes);
    const changes = [0.999, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0].map(change);
    expect(changes[0]).toBe('gradientAccumulationSteps 2');
    expect(changes.some((text) => text?.includes('loraRank 8'))).toBe(true);
    expect(changes.at(-1)).toBeUndefined();
  });
});
