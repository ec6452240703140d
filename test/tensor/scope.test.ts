import { setTimeout as sleep } from 'node:timers/promises';
import { keep, memoryStats, scope, Tensor, torch } from '../../lib/tensor/tensor.ts';
import { settledTensors } from '../live-tensors.ts';

const live = (): number => memoryStats().liveTensors;
const make = (): Tensor => Tensor.from([1, 2, 3]);

describe('scope', () => {
  let before: number;
  beforeEach(async () => {
    before = await settledTensors();
  });

  test('disposes what was made inside and gives the result', () => {
    let inner: Tensor | undefined;
    const sum = scope(() => {
      inner = make();
      return inner.mul(2).sum().item();
    });
    expect(sum).toBe(12);
    expect(inner!.isDisposed).toBe(true);
    expect(live()).toBe(before);
  });

  test('spares a returned tensor and what was made outside', () => {
    const outside = make();
    const result = scope(() => outside.add(1).mul(2));
    expect(result.toArray()).toEqual([4, 6, 8]);
    expect(outside.isDisposed).toBe(false);
    expect(live()).toBe(before + 2);
    outside.dispose();
    result.dispose();
  });

  test('spares tensors within arrays, objects, Maps and Sets', () => {
    const result = scope(() => {
      make();
      return { list: [make(), [make()]], map: new Map([['a', make()]]), set: new Set([make()]), none: null, text: 'x' };
    });
    expect(live()).toBe(before + 4);
    for (const tensor of [result.list[0], (result.list[1] as Tensor[])[0], result.map.get('a'), ...result.set])
      (tensor as Tensor).dispose();
    expect(live()).toBe(before);
  });

  test('copes with a result that holds itself', () => {
    const result = scope(() => {
      const loop: { tensor: Tensor; self?: unknown } = { tensor: make() };
      loop.self = loop;
      return loop;
    });
    expect(result.tensor.isDisposed).toBe(false);
    result.tensor.dispose();
  });

  test('spares what is kept, in every scope around', () => {
    const kept = scope(() => {
      const tensor = scope(() => {
        const inner = keep(make());
        return { handle: inner.handle, read: () => inner };
      });
      return tensor.read;
    });
    expect(kept().isDisposed).toBe(false);
    kept().dispose();
    expect(live()).toBe(before);
  });

  test('hands survivors of an inner scope to the outer one', () => {
    let survivor: Tensor | undefined;
    scope(() => {
      survivor = scope(() => make().add(1));
      expect(survivor.isDisposed).toBe(false);
    });
    expect(survivor!.isDisposed).toBe(true);
    expect(live()).toBe(before);
  });

  test('disposes everything when the function throws', () => {
    expect(() =>
      scope(() => {
        make();
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(live()).toBe(before);
  });

  test('works across await', async () => {
    const result = await scope(async () => {
      const first = make();
      await sleep(1);
      const second = make();
      await null;
      return first.add(second);
    });
    expect(result.toArray()).toEqual([2, 4, 6]);
    result.dispose();
    expect(live()).toBe(before);
  });

  test('keeps concurrent scopes apart', async () => {
    const run = (value: number): Promise<number> =>
      scope(async () => {
        const tensor = Tensor.from([value]);
        await sleep(3 - value);
        const product = tensor.mul(10);
        await sleep(value);
        return product.item();
      });
    expect(await Promise.all([run(0), run(1), run(2)])).toEqual([0, 10, 20]);
    expect(live()).toBe(before);
  });

  test('disposes everything when the promise rejects', async () => {
    await expect(
      scope(async () => {
        make();
        await sleep(1);
        make();
        throw new Error('later');
      }),
    ).rejects.toThrow('later');
    expect(live()).toBe(before);
  });

  test('lets go of tensors that are disposed by hand', () => {
    scope(() => {
      for (let i = 0; i < 10; i++) make().dispose();
      expect(live()).toBe(before);
    });
    expect(live()).toBe(before);
  });

  test('a tensor made after its scope ended belongs to the scope around', async () => {
    let late: Promise<Tensor> | undefined;
    await scope(async () => {
      scope(() => {
        late = sleep(2).then(() => make());
        return 0;
      });
      await late;
    });
    expect((await late!).isDisposed).toBe(true);
    expect(live()).toBe(before);
  });

  test('gradients read inside are freed as well', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const sum = scope(() => {
      x.square().sum().backward();
      return x.grad!.sum().item();
    });
    expect(sum).toBe(4);
    x.dispose();
    expect(live()).toBe(before);
  });
});
