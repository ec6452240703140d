import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTIONS, METHODS } from '../../lib/tensor/operators.ts';
import { noGrad, scope, Tensor, torch } from '../../lib/tensor/tensor.ts';

const page = readFileSync(join(__dirname, '../../docs/tensor.md'), 'utf8');

test('the first example of docs/tensor.md does what it says', () => {
  const x = Tensor.from([
    [1, 2],
    [3, 4],
  ]);
  const entropy = scope(() => {
    const logProbs = x.logSoftmax(-1);
    return logProbs.exp().mul(logProbs).sum(-1).neg();
  });
  expect(page).toContain(`// ${String(entropy)}`);
});

test('a tensor is shown as docs/tensor.md shows one', () => {
  expect(page).toContain(`\n${String(torch.arange(0, 1000).expand([2, 1000]))}\n`);
});

test('values and indices of docs/tensor.md come by name', () => {
  const x = Tensor.from([
    [1, 2],
    [3, 0],
  ]);
  const { values, indices } = x.max(1);
  expect([values.toArray(1), indices.toArray(1)]).toEqual([
    [2, 3],
    [1, 0],
  ]);
  expect(x.max(1, true).values.shape).toEqual([2, 1]);
});

test('the operators of docs/tensor.md do what they say', () => {
  const x = Tensor.from([
    [1, 2],
    [3, 4],
  ]);
  const [values, indices] = torch.call('aten::topk', [x, 1], { largest: false }) as Tensor[];
  expect([values!.toArray(), indices!.toArray()]).toEqual([
    [[1], [3]],
    [[0], [0]],
  ]);
  torch.call('aten::add', [x, x], { alpha: 2, out: x });
  expect(x.toArray()).toEqual([
    [3, 6],
    [9, 12],
  ]);
});

test('the gradient step of docs/tensor.md goes downhill', () => {
  const x = Tensor.from([
    [1, 2],
    [3, 4],
  ]);
  const w = torch.zeros([2], { requiresGrad: true });
  const loss = (): Tensor => x.matmul(w).sub(1).square().mean();
  const before = loss().item();
  loss().backward();
  noGrad(() => w.sub_(w.grad!.mul(0.01)));
  w.zeroGrad();
  expect(loss().item()).toBeLessThan(before);
});

test('names in docs/tensor.md exist', () => {
  for (const name of ['indexSelect', 'logSoftmax', 'maskedFill', 'add_']) expect(METHODS).toHaveProperty(name);
  for (const name of ['cat', 'stack', 'where', 'einsum', 'embedding', 'linear', 'layerNorm']) expect(FUNCTIONS).toHaveProperty(name);
  for (const name of ['zeros', 'ones', 'full', 'arange', 'randn', 'rand', 'eye', 'crossEntropy', 'call'])
    expect(torch).toHaveProperty(name);
});
