import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { memoryStats, noGrad, scope, Tensor, torch } from '../../lib/tensor/tensor.ts';

const MIB = 2 ** 20;

test('counts tensors and their bytes', () => {
  const before = memoryStats();
  const tensor = torch.zeros([256], { dtype: 'float64' });
  const view = tensor.narrow(0, 0, 2);
  expect(memoryStats().liveTensors).toBe(before.liveTensors + 2);
  expect(memoryStats().liveTensorBytes).toBe(before.liveTensorBytes + 256 * 8 + 2 * 8);
  view.dispose();
  tensor.dispose();
  expect(memoryStats()).toEqual(before);
});

test('dispose twice is once', () => {
  const before = memoryStats();
  const tensor = Tensor.from([1]);
  tensor.dispose();
  const next = Tensor.from([2]); // takes the slot that became free
  tensor.dispose();
  expect(tensor.isDisposed).toBe(true);
  expect(next.item()).toBe(2);
  next.dispose();
  expect(memoryStats()).toEqual(before);
});

test('Symbol.dispose disposes', () => {
  const tensor = Tensor.from([1]);
  tensor[Symbol.dispose]();
  expect(tensor.isDisposed).toBe(true);
});

test('a view keeps the memory alive when its base is disposed', () => {
  const base = Tensor.from([1, 2]);
  const view = base.narrow(0, 1, 1);
  base.dispose();
  expect(view.toArray()).toEqual([2]);
  view.dispose();
});

test('a loop of steps holds as many tensors after a thousand as after one', () => {
  const weight = torch.ones([4, 4], { requiresGrad: true });
  const step = (): void =>
    scope(() => {
      weight.matmul(weight).sum().backward();
      noGrad(() => weight.sub_(weight.grad!.mul(1e-6)));
      weight.zeroGrad();
    });
  step();
  const { liveTensors, liveTensorBytes } = memoryStats();
  for (let i = 0; i < 1000; i++) step();
  expect(memoryStats()).toMatchObject({ liveTensors, liveTensorBytes });
  weight.dispose();
});

test('failed calls leave nothing behind', () => {
  const tensor = Tensor.from([1, 2]);
  const before = memoryStats();
  for (let i = 0; i < 20; i++) {
    expect(() => tensor.reshape([3])).toThrow();
    expect(() => tensor.add('x' as unknown as number)).toThrow();
    expect(() => Tensor.from(new Float32Array(2), { shape: [3] })).toThrow();
  }
  expect(memoryStats()).toEqual(before);
  tensor.dispose();
});

test('rendering leaves nothing behind', () => {
  const tensor = torch.ones([3, 3]);
  const before = memoryStats();
  String(tensor);
  expect(memoryStats()).toEqual(before);
  tensor.dispose();
});

/**
 * The number that a program prints last. In a process of its own: how soon V8 collects depends on all that its heap holds, here the whole
 * of jest; and where contexts come and go, as jest's do, it may call no finaliser any more.
 */
async function printed(program: string): Promise<number> {
  const imports = "import { setImmediate as turn } from 'node:timers/promises'; import { memoryStats, Tensor, torch } from 'hyperfit';";
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--input-type=module', '--eval', imports + program], {
    cwd: join(__dirname, '..', '..'),
  });
  return Number(stdout);
}

test('V8 is told of the memory, so that it collects forgotten tensors before they pile up', async () => {
  const peak = await printed(`
    let peak = 0;
    for (let i = 0; i < 400; i++) {
      torch.call('aten::empty', [[2 * 2 ** 20]], { dtype: 'float32' }); // 8 MiB each, never touched; 3.2 GiB together
      peak = Math.max(peak, memoryStats().liveTensorBytes);
      if (i % 20 === 0) await turn();
    }
    console.log(peak);`);
  expect(peak).toBeGreaterThan(0);
  // 1,100 to 1,400 MiB on a quiet machine, 1,700 seen on a busy one; without being told it would be all of it.
  expect(peak).toBeLessThan(2400 * MIB);
});

const COLLECT = 'async function collect() { for (let round = 0; round < 20; round++) { gc(); await turn(); } }';

test('what was forgotten is freed by the collector', async () => {
  const left = await printed(`${COLLECT}
    const before = memoryStats().liveTensors;
    (() => {
      for (let i = 0; i < 200; i++) torch.zeros([1000]);
    })();
    if (memoryStats().liveTensors !== before + 200) throw new Error('they were not there');
    await collect();
    console.log(memoryStats().liveTensors - before);`);
  expect(left).toBe(0);
});

test('disposing and collecting the same tensor frees it once', async () => {
  const wrong = await printed(`${COLLECT}
    const witness = Tensor.from([7]);
    (() => {
      for (let i = 0; i < 200; i++) torch.zeros([1]).dispose();
    })();
    const others = Array.from({ length: 200 }, (_, i) => Tensor.from(i)); // in the slots that became free
    await collect();
    console.log(others.filter((tensor, i) => tensor.item() !== i).length + (witness.item() === 7 ? 0 : 1));`);
  expect(wrong).toBe(0);
});
