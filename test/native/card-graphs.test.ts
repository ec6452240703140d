import { addon } from '../../lib/addon.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { DEVICE, DTYPES, expectSameBits, FAMILIES, guard, serveDriver, STEPS, trained, trainedWithin } from './graph-steps.ts';

// Steps as a card is asked for them, of operators that libtorch has for cards alone, are graphs too: the stand-in records and plays them.

const serve = serveDriver();
beforeAll(() => guard.becomeCard());
afterAll(() => guard.beNoCard());

const CASES = FAMILIES.flatMap((name) => DTYPES.flatMap((dtype) => ['ours', 'none'].map((kernels) => [name, dtype, kernels] as const)));

describe('steps by the operators of a card', () => {
  // With kernels of ours attention and products are libtorch's, without them norms too.
  test.each(CASES)('%s in %s, kernels: %s: the bits of running', async (name, dtype, kernels) => {
    const serveAgain = (): void => serve(kernels === 'ours' ? {} : { failures: { cuLaunchKernel: 701 } });
    serveAgain();
    guard.resetCounts();
    await expectSameBits((graphs) => trained(name, { dtype, graphs }), serveAgain);
    const used = guard.operators();
    expect('aten::_efficient_attention_backward' in used).toBe(!['mistral-window', 'gemma2-untied-mha'].includes(name));
    if (kernels === 'none') expect('aten::_fused_rms_norm_backward' in used).toBe(name !== 'gpt2-tied');
    expect('aten::mm.dtype_out' in used).toBe(dtype === 'bfloat16');
  });

  test.each(FAMILIES)('%s in bfloat16, updated within the backward: the bits of running', async (name) => {
    await expectSameBits((graphs) => trainedWithin(name, { dtype: 'bfloat16', graphs }), serve);
  });
});

describe('a steady step that is no graph', () => {
  beforeEach(() => addon().setGraphs(false));
  afterEach(() => addon().setGraphs(true));

  // Of a layer and batch the results of flash attention, or of the other kind, and those of the backward.
  test.each([
    ['llama-tied-gqa', 'float32', 40],
    ['llama-tied-gqa', 'bfloat16', 40], // heads of 12, which flash does not take
    ['gpt2-tied', 'bfloat16', 36],
    ['gemma2-untied-mha', 'bfloat16', 0], // a soft cap
    ['mistral-window', 'float32', 0],
  ] as const)("%s in %s: %d blocks of memory, all of them fused attention's", async (name, dtype, allocations) => {
    const model = await Model.load(tinyModelPath(name), { device: DEVICE, computeDtype: dtype });
    const optimizer = new Optimizer(model, {});
    const step = (): Promise<unknown> => optimizer.trainStep(STEPS[1]!, { learningRate: 1e-3, gradScale: 0.01, maxGradNorm: 1 });
    for (let time = 0; time < 2; time++) await step();
    guard.resetCounts();
    await step();
    expect(guard.counts().allocations).toBe(allocations);
    optimizer.dispose();
    model.dispose();
  });
});
