import { Optimizer, Tensor, torch } from '../../../dist/index.mjs';
import { take, takeSteps } from '../measure.mjs';
import { batchOf, idCount, randomRows, tinyModelPath } from '../models.mjs';
import { BOUNDS, relativeError, sameBits } from '../numbers.mjs';
import { setKernels, subjectOf, withModel } from '../sides.mjs';

/** Texts, positions, heads, key/value heads, size of a head: SmolLM2, TinyLlama, Llama 3.1, GPT-2 at an odd length. */
const SHAPES = [
  [4, 256, 9, 3, 64],
  [1, 1024, 32, 4, 64],
  [1, 2048, 32, 8, 128],
  [2, 77, 12, 12, 64],
];
const REPEATS = 5;

/**
 * What only the device itself can say of the operators that libtorch has on cards alone: whether its kernels take these shapes (a refusal
 * is written to stderr, and the plain form then computes), whether they agree with the plain form, and whether they give the same bits
 * twice. Then the same of a step in one call.
 */
export async function run({ settings, results }) {
  for (const dtype of ['float32', 'bfloat16']) {
    for (const shape of settings.quick || settings.device === 'cpu' ? [[2, 40, 4, 2, 16]] : SHAPES) {
      const name = `${dtype}, ${shape.join(' x ')}`;
      await results.tries(name, () => compareAttention(name, dtype, shape, settings.device, results));
    }
    await results.tries(`${dtype}: a step in one call`, () => compareSteps(dtype, settings, results));
  }
}

function compareAttention(name, dtype, [batch, length, heads, kv, size], device, results) {
  const of = (...shape) => normalTensor(shape, device, dtype);
  const [q, k, v] = [of(batch, heads, length, size), of(batch, kv, length, size), of(batch, kv, length, size)];
  const dout = of(batch * length, heads * size);
  const scale = size ** -0.5;
  const both = (kernels) => {
    setKernels(kernels);
    try {
      const forward = torch.call('hyperfit::attention', [q, k, v, scale, 0, 0]);
      return [forward, ...torch.call('hyperfit::attention_backward', [dout, q, k, v, scale, 0, 0])].map(take);
    } finally {
      setKernels(true);
    }
  };
  const timed = (kernels) => {
    const started = performance.now();
    for (let time = 0; time < REPEATS; time++) both(kernels);
    return (performance.now() - started) / REPEATS;
  };
  const [fused, again, plain] = [both(true), both(true), both(false)];
  for (const [index, part] of ['attention', 'dq', 'dk', 'dv'].entries()) {
    results.atMost(`${name}: ${part} beside operator by operator`, relativeError(fused[index], plain[index]), BOUNDS[dtype].gradients);
    results.holds(`${name}: ${part} twice, to the last bit`, sameBits(fused[index], again[index]));
  }
  results.figure(`${name}: attention with its backward, read back`, timed(true), 'ms', { operatorByOperator: timed(false) });
  for (const tensor of [q, k, v, dout]) tensor.dispose();
}

/** Sums of uniform numbers, reproducible. */
function normalTensor(shape, device, dtype) {
  const count = shape.reduce((product, part) => product * part, 1);
  const rows = randomRows(count, 3, count, 1003);
  const values = Float32Array.from({ length: count }, (_, at) => (rows[0][at] + rows[1][at] + rows[2][at] - 1509) / 500);
  const made = Tensor.from(values, { shape, device });
  const converted = made.to(dtype);
  if (converted !== made) made.dispose();
  return converted;
}

async function compareSteps(dtype, settings, results) {
  const run = (use) =>
    withModel(tinyModelPath('llama-tied-gqa'), subjectOf(settings), dtype, async (model) => {
      const optimizer = new Optimizer(model, { weightDecay: 0.01 });
      const { losses, gradNorms } = await use(model, optimizer);
      optimizer.dispose();
      return [...losses, ...gradNorms];
    });
  const oneByOne = await run((model, optimizer) => takeSteps(model, optimizer, 0, 6));
  const inOneCall = await run(async (model, optimizer) => {
    const found = { losses: [], gradNorms: [] };
    for (let step = 0; step < 6; step++) {
      const batch = batchOf(randomRows(100 + (step % 4), 4, 20, idCount(model)));
      const tokenCount = batch.targets.filter((target) => target >= 0).length;
      const { lossSums, gradNorm } = await optimizer.trainStep([batch], { learningRate: 1e-3, gradScale: 1 / tokenCount, maxGradNorm: 1 });
      found.losses.push(lossSums[0] / tokenCount);
      found.gradNorms.push(gradNorm);
    }
    return found;
  });
  results.holds(`${dtype}: six steps in one call each, and one by one, to the last bit`, sameBits(inOneCall, oneByOne));
}
