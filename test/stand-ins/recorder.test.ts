import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { loadDriver, writeImages } from './cuda-driver.ts';
import { loadGuard } from './guard.ts';

// What the guarded device records between the beginning and the end of a capture is what it does when that is replayed; what a card refuses
// meanwhile, it refuses.

const guard = loadGuard();
const driver = loadDriver();
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-recorder-'));
beforeAll(() => driver.serve(writeImages(join(folder, 'images'))));
afterAll(() => {
  driver.leave();
  rmSync(folder, { recursive: true });
});

const DEVICE = 'guard:1';
const there = (values: number[]): Tensor => Tensor.from(values).to({ device: DEVICE });
const numbers = (tensor: Tensor): number[] => tensor.to('cpu').toArray() as number[];
const call = (name: string, args: readonly unknown[], named: Record<string, unknown> = {}): Tensor =>
  torch.call(name, args as never, named as never) as Tensor;

describe('a recording', () => {
  test('runs nothing; a replay does, with what stands in memory by then, and as often as it is asked', () => {
    const [x, y, sum] = [there([1, 2, 3]), there([0, 0, 0]), there([10, 10, 10])];
    const graph = driver.capture(DEVICE, () => {
      call('aten::mul', [x, x], { out: y });
      call('aten::add_', [sum, y]);
    });
    expect([numbers(y), numbers(sum)]).toEqual([
      [0, 0, 0],
      [10, 10, 10],
    ]);
    graph.launch();
    expect([numbers(y), numbers(sum)]).toEqual([
      [1, 4, 9],
      [11, 14, 19],
    ]);
    call('aten::copy_', [x, there([2, 2, 2])]);
    graph.launch();
    graph.launch();
    expect([numbers(y), numbers(sum)]).toEqual([
      [4, 4, 4],
      [19, 22, 27],
    ]);
    graph.forget();
    expect(driver.counts().graphs).toEqual({ captures: 1, made: 1, launches: 3, destroyed: 1 });
  });

  test('keeps shapes, numbers of the host and what is written into a part', () => {
    const [whole, ids] = [there([0, 0, 0, 0, 0, 0]).view([2, 3]), Tensor.from([1, 0], { dtype: 'int64' }).to({ device: DEVICE })];
    let rate = 0.5;
    const graph = driver.capture(DEVICE, () => {
      call('aten::fill_', [whole.narrow(1, 1, 2), rate]);
      call('aten::index_select', [whole.clone(), 0, ids], { out: whole });
    });
    rate = 7; // a number of the host is what it was
    call('aten::fill_', [whole.narrow(0, 0, 1), 3]);
    graph.launch();
    expect(numbers(whole)).toEqual([
      [0, 0.5, 0.5],
      [3, 0.5, 0.5],
    ]);
    expect(rate).toBe(7);
    graph.forget();
  });

  test('holds launches of our kernels, with their arguments of then', () => {
    const [x, y] = [there([-1, 0, 1]), there([0, 0, 0])];
    const graph = driver.capture(DEVICE, () => call('hyperfit::activate', [x, 'silu']) && undefined);
    graph.forget();
    const silu = (value: number): number => value / (1 + Math.exp(-value));
    let result = y;
    const kept = driver.capture(DEVICE, () => {
      result = call('hyperfit::activate', [x, 'silu']);
    });
    call('aten::copy_', [x, there([1, 2, 3])]);
    kept.launch();
    expect(numbers(result)).toEqual([1, 2, 3].map((value) => expect.closeTo(silu(value), 5)));
    kept.forget();
  });

  test('gives what running gives, of operators that return new memory', () => {
    const x = there([3, 1, 2, 5]);
    const results: Tensor[] = [];
    const work = (): void => {
      const [sorted, order] = torch.call('aten::sort', [x] as never) as unknown as [Tensor, Tensor];
      results.push(call('aten::arange', [4], { device: DEVICE })); // an empty result that gets its size
      results.push(sorted, order, call('aten::cumsum', [sorted, 0]), call('aten::native_layer_norm', [x, [4], null, null, 1e-5]) as never);
    };
    const graph = driver.capture(DEVICE, work);
    const recorded = [...results];
    call('aten::copy_', [x, there([9, 7, 8, 1])]);
    graph.launch();
    results.length = 0;
    work();
    const flat = (tensors: readonly unknown[]): unknown[] => tensors.flat().map((tensor) => numbers((tensor as Tensor).to('float32')));
    expect(flat(recorded)).toEqual(flat(results));
    graph.forget();
  });
});

describe('while it captures, a card refuses', () => {
  const x = there([1, 2, 3]);

  test.each<[string, () => unknown]>([
    ['a scalar read', () => call('aten::sum', [x]).item()],
    ['a copy to the host', () => x.to('cpu')],
    ['a copy from the host', () => there([1])],
    ['a wait for the device', () => guard.synchronize(DEVICE)],
    ['a wait for the device', () => call('aten::nonzero', [x])],
  ])('%s', (what, work) => {
    expect(() => driver.capture(DEVICE, () => void work())).toThrow(/operation not permitted when stream is capturing/);
    expect(what).not.toBe('');
  });

  test('what fails is no graph, even if nobody listens', () => {
    const unheard = (): void => {
      try {
        call('aten::sum', [x]).item();
      } catch {
        // as whoever logs a loss might
      }
    };
    expect(() => driver.capture(DEVICE, unheard)).toThrow('CUDA_ERROR_STREAM_CAPTURE_INVALIDATED');
    expect(numbers(call('aten::sum', [x]).view([1]))).toEqual([6]);
  });
});

test("a graph whose temporaries are somebody else's by now is caught", () => {
  const [x, y] = [there([1, 2, 3]), there([0, 0, 0])];
  const graph = driver.capture(DEVICE, () => {
    const square = call('aten::mul', [x, x]); // memory that is nobody's once this returns
    call('aten::copy_', [y, square]);
    square.dispose();
  });
  expect(() => graph.launch()).toThrow(/memory that was given back after it had been recorded/);
  graph.forget();
});

test('other streams and devices go on meanwhile', () => {
  const [x, other] = [there([1]), Tensor.from([1]).to({ device: 'guard:0' })];
  const graph = driver.capture(DEVICE, () => {
    call('aten::add_', [x, 1]);
    call('aten::add_', [other, 1]);
  });
  expect([numbers(x), numbers(other)]).toEqual([[1], [2]]);
  graph.launch();
  expect([numbers(x), numbers(other)]).toEqual([[2], [2]]);
  graph.forget();
});
