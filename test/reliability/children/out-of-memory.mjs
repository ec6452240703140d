// Asks for more than there is, below a limit on addresses or memory, and goes on: node out-of-memory.mjs MODEL, with DIST in the
// environment.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { Model, Optimizer, Tensor, torch } = await import(pathToFileURL(join(process.env.DIST, 'index.mjs')));
const batchOf = (batchSize, sequenceLength) => {
  const tokens = new Int32Array(batchSize * sequenceLength).fill(3);
  return { tokens, targets: tokens, batchSize, sequenceLength };
};
const codes = {};
const attempt = async (name, work) => {
  codes[name] = await Promise.resolve()
    .then(work)
    .then(
      () => 'done',
      (error) => (error.code === 'ERR_OUT_OF_MEMORY' ? error.code : error.stack),
    );
};

const model = await Model.load(process.argv[2]);
const write = async () => (await model.generate([[5, 6]], { maxNewTokens: 8 }))[0].ids.join();
const before = await write();
await attempt('zeros', () => torch.zeros([2 ** 33]));
await attempt('product of sizes', () => torch.zeros([2 ** 31, 2 ** 31, 2 ** 31]));
await attempt('operator', () => {
  const x = Tensor.from(new Float32Array(2 ** 14));
  x.unsqueeze(0).mul(x.unsqueeze(1)).unsqueeze(0).repeat([64, 1, 1]);
});
await attempt('forward', () => model.forward(batchOf(20_000, 200), { hiddenStates: true }));
await attempt('backward', () => model.forwardBackward(batchOf(20_000, 200)));
await attempt('loss of its own', () => model.forwardBackward(batchOf(20_000, 200), { loss: (logits) => logits.sum() }));
await attempt('statistics', () => model.tokenStats(batchOf(20_000, 200)));
await attempt('generation', () =>
  model.generate(
    Array.from({ length: 100_000 }, () => [1, 2, 3]),
    { maxNewTokens: 200, stopIds: [] },
  ),
);
await attempt('many small ones', () => {
  const held = [];
  for (;;) held.push(torch.zeros([2 ** 15]));
});
await attempt('after', async () => {
  if ((await write()) !== before) throw new Error('other ids');
});
await attempt('step', async () => {
  const optimizer = new Optimizer(model);
  await model.forwardBackward(batchOf(1, 16));
  await optimizer.step({ learningRate: 1e-5, gradScale: 1 / 16 });
});
// What is held now stays to the end, and JavaScript goes on making objects of its own.
const filled = [];
await attempt('filled', () => {
  for (;;) filled.push(torch.zeros([2 ** 12]));
});
for (let round = 0; round < 3; round++) {
  await attempt('full', async () => {
    if ((await write()) !== before) throw new Error('other ids');
  });
  await attempt('more', () => model.forwardBackward(batchOf(20_000, 200)));
  Array.from({ length: 100_000 }, (_, at) => ({ at, name: `x${at}` }));
}
console.log(JSON.stringify(codes));
