import { Optimizer } from '../../dist/index.mjs';
import { batchOf, idCount, IGNORE_INDEX, randomRows } from './models.mjs';

/** Reads a tensor as float32 on the host and lets it go. */
export function take(tensor) {
  const converted = tensor.to('float32');
  const values = converted.toTypedArray();
  converted.dispose();
  if (converted !== tensor) tensor.dispose();
  return values;
}

export const takeAll = (tensors) => new Map([...tensors].map(([name, tensor]) => [name, take(tensor)]));

export async function logitsOf(model, rows = randomRows(1, 3, 19, idCount(model))) {
  return take((await model.forward(batchOf(rows))).logits);
}

/** Gradients with some targets ignored, which makes counts uneven. */
export async function gradientsOf(model) {
  const rows = randomRows(2, 4, 17, idCount(model));
  const targets = rows.map((row, r) => row.map((_, t) => (t < 2 * r || t + 1 === row.length ? IGNORE_INDEX : row[t + 1])));
  const { lossSum, tokenCount } = await model.forwardBackward(batchOf(rows, targets));
  const gradients = takeAll(model.gradients());
  await model.zeroGradients();
  return { loss: lossSum / tokenCount, tokenCount, gradients };
}

export const statisticsOf = (model) => model.tokenStats(batchOf(randomRows(3, 4, 17, idCount(model))));

/** Losses and norms of AdamW steps over four batches in turn. */
export async function train(model, steps, { learningRate = 1e-3, maxGradNorm = 1, lora, optim = 'adamw' } = {}) {
  const optimizer = new Optimizer(model, { weightDecay: 0.01, lora, optim });
  try {
    return await takeSteps(model, optimizer, 0, steps, { learningRate, maxGradNorm });
  } finally {
    optimizer.dispose();
  }
}

export async function takeSteps(model, optimizer, from, to, { learningRate = 1e-3, maxGradNorm = 1 } = {}) {
  const losses = [];
  const gradNorms = [];
  for (let step = from; step < to; step++) {
    const { lossSum, tokenCount } = await model.forwardBackward(batchOf(randomRows(100 + (step % 4), 4, 20, idCount(model))));
    const { gradNorm } = await optimizer.step({ learningRate, gradScale: 1 / tokenCount, maxGradNorm });
    losses.push(lossSum / tokenCount);
    gradNorms.push(gradNorm);
  }
  return { losses, gradNorms };
}
