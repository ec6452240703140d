import { addon } from '../addon.ts';
import { checkOptions } from '../config/check-options.ts';
import { requireDevice } from '../device.ts';
import { callOperator, type TorchArgument } from './call.ts';
import { checkDtype } from './dtype.ts';
import { FUNCTIONS, type FunctionsOf } from './operators.ts';
import { isThenable } from './scope.ts';
import { callTable, Tensor, wrapResult, wrapTensor, type TorchResult } from './tensor-class.ts';
import type { TensorOptions } from './tensor-options.ts';

/** How `torch.crossEntropy` sums up; names and defaults are PyTorch's. */
export interface CrossEntropyOptions {
  /** One for each class. */
  weight?: Tensor;
  /** Default `mean`, over the targets that count; `none` gives a loss for each target. */
  reduction?: 'none' | 'mean' | 'sum';
  /** A target that does not count. Default -100. */
  ignoreIndex?: number;
  /** What of the probability is spread evenly over all classes. Default 0. */
  labelSmoothing?: number;
}

const REDUCTIONS = { none: 0, mean: 1, sum: 2 } as const;

/** Runs one of libtorch's makers; float32 on the CPU unless the options say otherwise. */
function make(name: string, args: readonly TorchArgument[], options: TensorOptions): Tensor {
  checkOptions(options, ['dtype', 'device', 'requiresGrad'], name.replace('aten::', 'torch.'));
  const { dtype = 'float32', device = 'cpu', requiresGrad = false } = options;
  requireDevice(device);
  const tensor = wrapTensor(callOperator(name, args, { dtype: checkDtype(dtype, 'dtype'), device }));
  if (requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

const functions = Object.fromEntries(
  Object.entries(FUNCTIONS).map(([name, operator]) => [name, (...args: TorchArgument[]) => callTable(operator, args, 0)]),
) as unknown as FunctionsOf<typeof FUNCTIONS, Tensor>;

/**
 * What PyTorch keeps in its module `torch`: makers, functions of several tensors, and every operator by name. Makers give float32 on the
 * CPU unless the options say otherwise.
 *
 * @example
 * torch.manualSeed(0);
 * const a = torch.randn([2, 3]);
 * const b = torch.cat([a, torch.zeros([1, 3])], 0); // [3, 3]
 * const [values, indices] = torch.call('aten::topk', [b, 2], { largest: false }) as Tensor[];
 */
export const torch = {
  ...functions,

  /**
   * Any operator of libtorch: `torch.call('aten::topk', [x, 5], { largest: false })`. Overloads are found by the
   * arguments, or named: 'aten::add.Tensor'. dtypes and devices are strings, None is null.
   * @throws TypeError for arguments that no overload takes; HyperfitError ERR_TORCH for an unknown operator and for what it refuses
   */
  call(name: string, args: readonly TorchArgument[], kwargs: Readonly<Record<string, TorchArgument>> = {}): TorchResult {
    return wrapResult(callOperator(name, args, kwargs));
  },

  /**
   * Cross-entropy, nats, of logits [N, classes] and class ids int64 [N]; also [N, classes, ...] and [N, ...].
   * @throws TypeError for another `reduction`; HyperfitError ERR_TORCH for shapes and ids that do not fit
   */
  crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
    checkOptions(options, ['weight', 'reduction', 'ignoreIndex', 'labelSmoothing'], 'torch.crossEntropy');
    const { weight, reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0 } = options;
    if (!Object.hasOwn(REDUCTIONS, reduction))
      throw new TypeError(`expected ${Object.keys(REDUCTIONS).join(', ')} for \`reduction\`, got ${JSON.stringify(reduction)}`);
    return wrapTensor(
      callOperator('aten::cross_entropy_loss', [input, target, weight, REDUCTIONS[reduction], ignoreIndex, labelSmoothing]),
    );
  },

  zeros: (shape: readonly number[], options: TensorOptions = {}): Tensor => make('aten::zeros', [shape], options),
  ones: (shape: readonly number[], options: TensorOptions = {}): Tensor => make('aten::ones', [shape], options),
  full: (shape: readonly number[], value: number, options: TensorOptions = {}): Tensor => make('aten::full', [shape, value], options),
  /** Normally distributed; see `manualSeed`. */
  randn: (shape: readonly number[], options: TensorOptions = {}): Tensor => make('aten::randn', [shape], options),
  /** From 0 (included) to 1 (not); see `manualSeed`. */
  rand: (shape: readonly number[], options: TensorOptions = {}): Tensor => make('aten::rand', [shape], options),
  /** [n, n], ones on the diagonal. */
  eye: (n: number, options: TensorOptions = {}): Tensor => make('aten::eye', [n], options),
  /** start, start + step, ... up to but without `end`. */
  arange: (start: number, end: number, step = 1, options: TensorOptions = {}): Tensor =>
    make('aten::arange.start_step', [start, end, step], options),

  /** Seeds the generators of the CPU and of every CUDA device. `seed`: an integer from 0 to 2^53 - 1. */
  manualSeed: (seed: number): void => addon().manualSeed(seed),
};

/**
 * Runs `fn` without recording what `backward()` would need. Synchronous only: the setting belongs to the thread, and across an `await`
 * other code would see it.
 * @returns what `fn` returns
 * @throws TypeError when `fn` returns a promise
 *
 * @example
 * const w = torch.zeros([2], { requiresGrad: true });
 * noGrad(() => w.sub_(0.1));
 */
export function noGrad<T>(fn: () => T): T {
  const before = addon().setGradEnabled(false);
  let result: T;
  try {
    result = fn();
  } finally {
    addon().setGradEnabled(before);
  }
  if (isThenable(result))
    throw new TypeError(
      'expected a synchronous function for `fn` of noGrad(), got one that returns a promise; call noGrad() between the awaits',
    );
  return result;
}

/**
 * Native memory that is in use: what JavaScript holds, not what libtorch caches. Views count their own bytes too.
 *
 * @example
 * const before = memoryStats().liveTensors;
 * scope(() => void torch.zeros([1000]).exp());
 * console.log(memoryStats().liveTensors - before); // 0
 */
export function memoryStats(): { liveTensors: number; liveTensorBytes: number; liveModels: number } {
  return addon().memoryStats();
}
