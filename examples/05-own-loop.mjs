// Your own training loop: forward and backward, accumulation over two micro-batches, clipping, one optimizer step.
//
//   node examples/05-own-loop.mjs <model>
import { makeBatch, Model, Optimizer } from 'hyperfit';

const model = await Model.load(process.argv[2]);
const optimizer = new Optimizer(model, { weightDecay: 0 });
const texts = [
  'The sea gave nothing back.',
  'All the doors were painted the same red.',
  'It rained on the wedding and on the war.',
  'Somebody had to wind the clocks.',
];
const sequences = await Promise.all(texts.map((text) => model.requireTokenizer().encode(text)));
const microBatches = [makeBatch(sequences.slice(0, 2)), makeBatch(sequences.slice(2))];

for (let step = 1; step <= 5; step++) {
  let lossSum = 0;
  let tokenCount = 0;
  for (const batch of microBatches) {
    const part = await model.forwardBackward(batch);
    lossSum += part.lossSum;
    tokenCount += part.tokenCount;
  }
  // Losses and gradients are sums: one division by all tokens makes unequal micro-batches exact.
  const { gradNorm } = await optimizer.step({ learningRate: 1e-4, gradScale: 1 / tokenCount, maxGradNorm: 1 });
  console.log(`step ${step}: loss ${(lossSum / tokenCount).toFixed(4)}, gradient norm ${gradNorm.toFixed(3)}`);
}

optimizer.dispose();
model.dispose();
