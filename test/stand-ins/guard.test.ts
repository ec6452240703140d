import { join } from 'node:path';
import { standIn } from '../devices.ts';
import { addon } from '../../lib/addon.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { ROOT, startProgram } from '../cli/cli-process.ts';
import { makeBatch } from '../oracle/batches.ts';
import { loadGuard } from './guard.ts';

// The guarded device catches what it is there to catch. A stand-in that could not see a fault would let every test pass.

const guard = loadGuard();
const MODEL = join(__dirname, '../fixtures/models/llama-tied-gqa');
const PLANT = join(__dirname, 'plant.mjs');

describe('planted faults', () => {
  // Stands for a pass over logits, masks or ids that forgot to fetch them: on a card it ends the process too, and says less.
  test.each([
    ['touchOnHost', 'guard:0'],
    ['touchOnHost', 'guard:1'],
    ['touchOnWorker', 'guard:1'],
  ])('%s: the host dereferences memory of %s, and the process dies with the last operator named', async (fault, device) => {
    const ended = await startProgram(process.execPath, [PLANT, fault, device]).finished;
    expect(ended.signal).toBe('SIGSEGV');
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toContain(`guard: the host touched memory of ${device}; last operator of this thread: `);
    expect(ended.stderr).toContain('of the process: aten::mul.out\n');
  });

  // Stands for ids of a batch without `.to(device)`.
  test('an index left on the host is refused as CUDA refuses it', () => {
    expect(() => guard.planted.leaveOnHost('guard:1')).toThrow(
      /Expected all tensors to be on the same device, but got index is on cpu, different from other tensors on guard:1/,
    );
  });

  // Stands for one pinned buffer that carries the ids of every step.
  test('a staging buffer that is filled again before the device was waited for', () => {
    expect(guard.planted.reuseStaging('guard', true)).toBe(12);
    expect(() => guard.planted.reuseStaging('guard', false)).toThrow(
      /written to before the device was waited for: a staging buffer used again too early/,
    );
  });

  // Stands for a loss that is fetched without blocking and read before it came.
  test('a result that is read before it has come is no number', () => {
    expect(guard.planted.readTooEarly('guard', true)).toBe(3);
    expect(guard.planted.readTooEarly('guard', false)).toBeNaN();
    guard.synchronize('guard:0');
  });

  // Stands for a clip by the norm that asks for its value in the middle of a step.
  test('a hidden .item() is counted', () => {
    guard.resetCounts();
    guard.planted.hiddenRead('guard');
    expect(guard.counts()).toMatchObject({ scalarReads: 1, synchronisations: 1, deviceToHost: { copies: 0 } });
    expect(guard.operators()).toMatchObject({ 'aten::_local_scalar_dense': 1 });
  });
});

describe('operands on two devices', () => {
  const a = Tensor.from(
    [
      [1, 2],
      [3, 4],
    ],
    { device: 'guard:0' },
  );
  afterAll(() => a.dispose());

  test.each([
    ['matmul', 'guard:1'],
    ['matmul', 'cpu'],
    ['add', 'guard:1'],
    ['add', 'cpu'],
    ['mul', 'guard:1'],
    ['maximum', 'cpu'],
  ] as const)('%s of guard:0 and %s is refused', (method, device) => {
    const b = Tensor.from(
      [
        [1, 2],
        [3, 4],
      ],
      { device },
    );
    expect(() => a[method](b)).toThrow(/Expected all tensors to be on the same device/);
    expect(() => b[method](a)).toThrow(/Expected all tensors to be on the same device/);
  });

  test('a number of no dimension may come from the CPU', () => {
    expect(a.mul(Tensor.from(2)).toArray()).toEqual([
      [2, 4],
      [6, 8],
    ]);
  });

  test.each<[string, (number: Tensor) => unknown]>([
    ['an index', (number) => torch.call('aten::index_select', [a, 0, number.to('int64')])],
    ['a mask', (number) => torch.call('aten::masked_fill', [a, number.to('bool'), 1])],
    ['a part of a stack', (number) => torch.call('aten::stack', [[a.sum(), number]])],
    [
      'the count of steps of AdamW',
      (number) =>
        torch.call('aten::_fused_adamw_', [[a], [a], [a], [a], [], [number]], {
          lr: 1,
          beta1: 0.9,
          beta2: 0.9,
          weight_decay: 0,
          eps: 1,
          amsgrad: false,
          maximize: false,
        }),
    ],
  ])('but not as %s', (_, use) => {
    expect(() => use(Tensor.from(1))).toThrow(/Expected all tensors to be on the same device/);
  });

  test('a result is not written into a tensor elsewhere', () => {
    const cpu = Tensor.from([
      [0, 0],
      [0, 0],
    ]);
    expect(() => torch.call('aten::mm', [a, a], { out: cpu })).toThrow(/same device/);
    expect(() => torch.call('aten::add_', [cpu, a])).toThrow(/same device/);
  });

  test('to() carries over, and is counted by its bytes', () => {
    guard.resetCounts();
    const there = a.to('guard:1');
    expect(there.device).toBe('guard:1');
    expect(there.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(guard.counts()).toMatchObject({
      betweenDevices: { copies: 1, bytes: 16 },
      deviceToHost: { copies: 1, bytes: 16 },
      hostToDevice: { copies: 0, bytes: 0 },
    });
  });
});

describe('counts', () => {
  test('an upload, a sum, and a download', () => {
    guard.resetCounts();
    const sum = Tensor.from(new Float64Array(6), { device: 'guard:1' }).sum();
    expect(sum.item()).toBe(0);
    expect(guard.counts()).toMatchObject({
      hostToDevice: { copies: 1, bytes: 48 },
      deviceToHost: { copies: 1, bytes: 8 },
      allocations: 2,
      allocatedBytes: 56,
    });
  });

  test('memory comes back, and running out of it is ERR_OUT_OF_MEMORY', () => {
    const before = guard.memory('guard:0').bytes;
    Tensor.from(new Float32Array(1000), { device: 'guard' }).dispose();
    expect(guard.memory('guard:0').bytes).toBe(before);
    guard.setMemoryLimit(before + 1000);
    try {
      expect(() => Tensor.from(new Float32Array(1000), { device: 'guard' })).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }),
      );
    } finally {
      guard.setMemoryLimit(0);
    }
  });
});

describe('copies that do not block', () => {
  const filled = (value: number): Tensor => Tensor.from(new Float32Array(4).fill(value));
  const pinned = (): Tensor => (torch.call('aten::empty', [[4]], { pin_memory: true }) as Tensor).fill_(1);

  test('pinned memory is memory of the host that is known', () => {
    expect(torch.call('aten::is_pinned', [pinned()])).toBe(true);
    expect(torch.call('aten::is_pinned', [filled(1)])).toBe(false);
    expect(() => torch.call('aten::empty', [[4]], { device: 'guard', pin_memory: true })).toThrow(/Only dense CPU tensors can be pinned/);
  });

  test.each(['guard:0', 'guard:1'])(
    'to %s: operators see what was sent; a source written to before the wait is an error, once',
    (device) => {
      const staging = pinned(),
        there = filled(0).to(device);
      guard.resetCounts();
      torch.call('aten::copy_', [there, staging, true]);
      const sum = there.sum();
      expect(guard.counts()).toMatchObject({ synchronisations: 0, hostToDevice: { copies: 1, bytes: 16 } });
      staging.fill_(2);
      expect(() => sum.item()).toThrow(/staging buffer used again too early/);
      expect(sum.item()).toBe(4);
    },
  );

  test('a wait for the other device is no wait', () => {
    const staging = pinned(),
      there = filled(0).to('guard:1');
    torch.call('aten::copy_', [there, staging, true]);
    guard.synchronize('guard:0');
    staging.fill_(2);
    expect(() => guard.synchronize('guard:1')).toThrow(/used again too early/);
  });

  test('to the host: nothing of use before the wait, the numbers after it', () => {
    const fetched = torch.call('aten::_to_copy', [filled(3).to('guard:1')], { device: 'cpu', non_blocking: true }) as Tensor;
    expect(torch.call('aten::is_pinned', [fetched])).toBe(true);
    expect(fetched.toArray()).toEqual([NaN, NaN, NaN, NaN]);
    guard.synchronize('guard:1');
    expect(fetched.toArray()).toEqual([3, 3, 3, 3]);
  });
});

// libtorch's engine counts the devices once, at its first backward.
test('autograd reaches a device that was registered after a first backward', async () => {
  const program = `
    const { Tensor } = await import('${ROOT}/dist/index.mjs');
    const gradient = (device) => {
      const x = Tensor.from([1, 2], { device, requiresGrad: true });
      x.mul(x).sum().backward();
      return x.grad.toArray();
    };
    const before = gradient('cpu');
    await import('${join(__dirname, 'preload.mjs')}');
    console.log(JSON.stringify([before, gradient('guard:1'), gradient('cpu')]));
  `;
  const ended = await startProgram(process.execPath, ['--input-type=module', '-e', program]).finished;
  expect([ended.stdout.trim(), ended.stderr]).toEqual(['[[2,4],[2,4],[2,4]]', '']);
});

/** Losses of a few steps, while the main thread computes on the same device or does not. */
async function losses(busy: boolean): Promise<number[]> {
  const model = await Model.load(MODEL, { device: standIn('guard:1'), computeDtype: 'float32' });
  const optimizer = new Optimizer(model, {});
  const found: number[] = [];
  for (let step = 0; step < 3; ++step) {
    let waiting = true;
    const running = model
      .forwardBackward(
        makeBatch([
          [1, 2, 3, 4, 5],
          [6, 7, 8, 9, 10],
        ]),
      )
      .finally(() => (waiting = false));
    while (busy && waiting) {
      const x = Tensor.from(
        [
          [1, 2],
          [3, 4],
        ],
        { device: 'guard:1' },
      );
      expect(x.matmul(x).toArray()).toEqual([
        [7, 10],
        [15, 22],
      ]);
      await new Promise(setImmediate);
    }
    const { lossSum, tokenCount } = await running;
    found.push(lossSum);
    await optimizer.step({ learningRate: 1e-3, gradScale: 1 / tokenCount });
  }
  optimizer.dispose();
  model.dispose();
  return found;
}

test('two threads compute on it at once, and neither sees the other', async () => {
  expect(await losses(true)).toEqual(await losses(false));
});

test('devices of the backend are known by their names and their number', () => {
  expect(addon().libraryInfo().otherBackend).toEqual({ type: 'guard', deviceCount: 2 });
  for (const device of ['guard:2', 'guard:', 'guard:-1', 'guard:0:0', 'guard:x']) {
    expect(() => Tensor.from([1], { device })).toThrow(expect.objectContaining({ code: 'ERR_DEVICE' }));
  }
});
