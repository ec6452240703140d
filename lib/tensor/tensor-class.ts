import { inspect } from 'node:util';
import { addon } from '../addon.ts';
import { checkOptions } from '../config/check-options.ts';
import { requireDevice } from '../device.ts';
import { SCALAR_TYPES, type DType, type NativeTensorInfo, type NumericArray, type TensorHandle } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import {
  jsonElement,
  MOST_IN_JSON,
  nestTensor,
  toNumber,
  type ArrayOfRank,
  type ElementTypes,
  type NestedElements,
  type TensorJson,
  type TensorRank,
} from './arrays.ts';
import { callOperator, trimArguments, type HasHandle, type TorchArgument } from './call.ts';
import { arrayClassOf, checkDtype, dtypeOf, makeArray, transferDtype, type ArrayOf } from './dtype.ts';
import { renderTensor } from './format.ts';
import { flattenNested, nestElements, type FlatArray, type NestedArray } from './nested.ts';
import { METHODS, type FunctionsOf, type Operator } from './operators.ts';
import { enterScope, leaveScope } from './scope.ts';
import type { BackwardOptions, FromOptions } from './tensor-options.ts';

/** Never the number of a live tensor. */
const DISPOSED: TensorHandle = 0;

/** Handles of tensors of 4 KiB and more have this bit: native code watches their objects, and frees them within synchronous code too. */
const LARGE = 2 ** 52;

/** The net below `dispose` and `scope`: frees what was forgotten, once the collector and the event loop get to it. */
const forgotten = new FinalizationRegistry<TensorHandle>((handle) => addon().tensorDispose(handle));

/** The typed methods of the table in operators.ts: `add`, `matmul`, `sum`, ... */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Tensor extends FunctionsOf<typeof METHODS, Tensor> {}

const FROM_HANDLE = Symbol('a handle that native code gave');

/**
 * A libtorch tensor on the CPU or a CUDA device. It lives outside the JavaScript heap until `dispose()`, the end of the `scope()` it was
 * made in, or, as a last resort, garbage collection. Methods carry PyTorch's names and argument order, camelCase where PyTorch has an
 * underscore; `torch.call` reaches every other operator. They throw TypeError for arguments of the wrong type, and HyperfitError ERR_TORCH
 * for what libtorch refuses, ERR_DISPOSED, ERR_OUT_OF_MEMORY.
 *
 * @example
 * using m = Tensor.from([[1, 2], [3, 4]]);
 * console.log(m.matmul(m).sum(0).toArray(1)); // [22, 32]
 */
export class Tensor implements HasHandle {
  /** @internal The native tensor; 0 once disposed. */
  handle: TensorHandle;

  private constructor(handle: TensorHandle, key?: symbol) {
    // JavaScript does not know that this is private.
    if (key !== FROM_HANDLE)
      throw new TypeError(
        `expected Tensor.from(data) to make a tensor, got new Tensor(${Array.isArray(handle) ? '[...]' : typeof handle})`,
      );
    this.handle = handle;
    forgotten.register(this, handle, this);
    if (handle >= LARGE) addon().tensorWatch(handle, this);
    enterScope(this);
  }

  /** @internal Takes over a handle that native code gave. */
  static fromHandle(handle: TensorHandle): Tensor {
    return new Tensor(handle, FROM_HANDLE);
  }

  /**
   * A tensor with a copy of `data`: a typed array (row-major), a number, or nested arrays of numbers, booleans or bigints.
   * @throws HyperfitError ERR_SHAPE when `shape` does not fit or arrays are ragged, ERR_DEVICE, ERR_OUT_OF_MEMORY; TypeError for data that
   *   `dtype` cannot hold
   *
   * @example
   * const ids = Tensor.from([1, 2, 3], { dtype: 'int64' });
   * const weights = Tensor.from(new Float32Array(6), { shape: [2, 3], requiresGrad: true });
   */
  static from(data: NumericArray | NestedArray, options: FromOptions = {}): Tensor {
    checkOptions(options, ['dtype', 'device', 'requiresGrad', 'shape'], 'Tensor.from');
    const { device = 'cpu', requiresGrad = false } = options;
    requireDevice(device);
    const wanted = options.dtype === undefined ? undefined : checkDtype(options.dtype, 'dtype');
    const flat = flatten(data, wanted);
    const dtype = wanted ?? flat.dtype;
    const transfer = transferDtype(flat.data, dtype);
    const direct = isDirect(transfer, dtype);
    const tensor = new Tensor(
      addon().tensorFrom(flat.data, options.shape ?? flat.shape, SCALAR_TYPES[direct ? dtype : transfer], device),
      FROM_HANDLE,
    );
    const result = direct ? tensor : tensor.#replacedBy(tensor.to(dtype));
    if (requiresGrad) result.requiresGrad = true;
    return result;
  }

  get #info(): NativeTensorInfo {
    return addon().tensorInfo(this.handle);
  }

  #replacedBy(next: Tensor): Tensor {
    this.dispose();
    return next;
  }

  /** Sizes of the dimensions. */
  get shape(): number[] {
    return this.#info.shape;
  }

  /** Type of the elements. */
  get dtype(): DType {
    return dtypeOf(this.#info.dtype);
  }

  /** "cpu" or "cuda:<index>". */
  get device(): string {
    return this.#info.device;
  }

  /** How many elements it has. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Whether it has been freed. */
  get isDisposed(): boolean {
    return this.handle === DISPOSED;
  }

  /** Frees the tensor's hold on its memory, now. A second call does nothing; every other use throws ERR_DISPOSED. */
  dispose(): void {
    if (this.isDisposed) return;
    forgotten.unregister(this);
    addon().tensorDispose(this.handle);
    this.handle = DISPOSED;
    leaveScope(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * A tensor of that dtype, on that device, or both. Shares memory with this one when nothing changes.
   * @throws HyperfitError ERR_DEVICE, ERR_OUT_OF_MEMORY; TypeError for another dtype
   */
  to(target: DType | { dtype?: DType; device?: string } | (string & {})): Tensor {
    const { dtype, device } = typeof target === 'object' ? target : targetOf(target);
    if (device !== undefined) requireDevice(device);
    return wrapTensor(callOperator('aten::to.dtype_layout', [this], { dtype, device }));
  }

  /**
   * The only element. Bool gives 0 or 1.
   * @throws HyperfitError ERR_SHAPE when there are more or none; ERR_TORCH for an int64 beyond 2^53
   */
  item(): number {
    if (this.numel === 1) return toNumber(this.toTypedArray()[0]!);
    throw new HyperfitError(
      'ERR_SHAPE',
      `expected a tensor of one element for item(), got shape [${this.shape.join(', ')}]; use toArray()`,
    );
  }

  /** A copy of the elements, row-major, in the class of their dtype; float16 and bfloat16 widened to Float32Array. */
  toTypedArray(): ArrayOf[DType] {
    const { shape, dtype } = this.#info;
    const out = makeArray(
      dtypeOf(dtype),
      shape.reduce((product, size) => product * size, 1),
    );
    addon().tensorRead(this.handle, out);
    return out;
  }

  /**
   * The elements in nested arrays; a tensor of no dimensions gives its one element. int64 gives numbers, bool booleans. With `rank`, the
   * number of dimensions, the type says how deep they are nested: `toArray(2)` is `number[][]`; `elements` reads bool tensors ('boolean')
   * or exact int64 ('bigint') so.
   * @throws HyperfitError ERR_SHAPE when it has another number of dimensions, ERR_TORCH for an int64 beyond 2^53; TypeError for `elements`
   * that its dtype has not
   */
  toArray(): NestedElements;
  /** Its elements, nested as its dimensions are; `rank` makes the type exact. */
  toArray<R extends TensorRank, E extends keyof ElementTypes = 'number'>(rank: R, elements?: E): ArrayOfRank<R, ElementTypes[E]>;
  /** Its elements, nested as its dimensions are; `rank` makes the type exact. */
  toArray(rank?: TensorRank, elements?: keyof ElementTypes): unknown {
    return nestTensor({ shape: this.shape, dtype: this.dtype, elements: this.toTypedArray() as ArrayLike<number> }, rank, elements);
  }

  /** For `JSON.stringify`: shape, dtype and device, and up to 1000 elements. NaN, infinities and int64 beyond 2^53 become texts. */
  toJSON(): TensorJson | { disposed: true } {
    if (this.isDisposed) return { disposed: true };
    const { shape, dtype, device } = this;
    if (this.numel > MOST_IN_JSON) return { shape, dtype, device };
    const elements = Array.from<number | bigint>(this.toTypedArray() as ArrayLike<number>);
    return { shape, dtype, device, data: nestElements(elements.map<unknown>(dtype === 'bool' ? Boolean : jsonElement), shape) };
  }

  /**
   * A view with its two dimensions exchanged; of fewer dimensions the same.
   * @throws HyperfitError ERR_SHAPE for more, where `mT` or `permute` says which
   */
  get T(): Tensor {
    const { shape } = this;
    if (shape.length <= 2) return wrapTensor(callOperator('aten::t', [this]));
    throw new HyperfitError(
      'ERR_SHAPE',
      `expected a tensor of at most two dimensions for T, got shape [${shape.join(', ')}]; use mT for the last two, or permute()`,
    );
  }

  /** A view with its last two dimensions exchanged: each matrix of a batch transposed. */
  get mT(): Tensor {
    return wrapTensor(callOperator('aten::mT', [this]));
  }

  /** Whether operations on it are recorded for `backward`. */
  get requiresGrad(): boolean {
    return this.#info.requiresGrad;
  }

  /** Only floating dtypes can, and only a tensor that no operation made can stop. */
  set requiresGrad(requiresGrad: boolean) {
    addon().tensorSetRequiresGrad(this.handle, requiresGrad);
  }

  /** What `backward()` summed up for this leaf, or null. Each read gives a Tensor of its own, sharing memory. */
  get grad(): Tensor | null {
    const handle = addon().tensorGrad(this.handle);
    return handle === null ? null : new Tensor(handle, FROM_HANDLE);
  }

  /** Lets go of the gradient: `grad` is null until the next `backward()`. */
  zeroGrad(): void {
    addon().tensorZeroGrad(this.handle);
  }

  /**
   * Adds the gradient of this tensor to the `grad` of every leaf that it was computed from.
   * @throws HyperfitError ERR_TORCH where nothing was recorded, or for several elements without `gradient`
   */
  backward(options: BackwardOptions = {}): void {
    callOperator('aten::_backward', [this, [], options.gradient, options.retainGraph, options.createGraph ?? false]);
  }

  /** Shape, dtype, device and the elements, nested as numpy does; of many the first and the last of each dimension. */
  toString(): string {
    return renderTensor(this);
  }

  /**
   * Text where text is asked for, as in `${tensor}`.
   * @throws HyperfitError ERR_TORCH for `tensor + 1`, `2 * tensor`, `tensor == 1`: operators of JavaScript know numbers only
   */
  [Symbol.toPrimitive](hint: 'string' | 'number' | 'default'): string {
    if (hint === 'string') return this.toString();
    throw new HyperfitError(
      'ERR_TORCH',
      'expected a method of Tensor, got one of the operators +, -, *, /, <, ==, which JavaScript has for numbers only; ' +
        'write a.add(b), a.sub(b), a.mul(b), a.div(b), a.lt(b), a.eq(b); for `2 - a` a.neg().add(2); item() is the number of a single element, String(a) a text',
    );
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function flatten(data: NumericArray | NestedArray, wanted: DType | undefined): FlatArray {
  if (arrayClassOf(data) === undefined) return flattenNested(data as NestedArray, wanted);
  const array = data as NumericArray;
  return { data: array, shape: [array.length], dtype: transferDtype(array, wanted) };
}

/** Whether native code takes the elements for the final dtype without a detour. */
function isDirect(transfer: DType, dtype: DType): boolean {
  if (transfer === dtype) return true;
  if (transfer === 'float32') return dtype === 'float16' || dtype === 'bfloat16';
  return transfer === 'uint8' && dtype === 'bool';
}

function targetOf(target: string): { dtype?: DType; device?: string } {
  return target in SCALAR_TYPES ? { dtype: target as DType } : { device: target };
}

/** What an operator returned, with Tensors in place of handles. */
export type TorchResult = null | boolean | number | string | Tensor | TorchResult[];

export function wrapResult(result: ReturnType<typeof callOperator>): TorchResult {
  if (Array.isArray(result)) return result.map(wrapResult);
  return typeof result === 'object' && result !== null ? Tensor.fromHandle(result.handle) : result;
}

export function wrapTensor(result: ReturnType<typeof callOperator>): Tensor {
  return Tensor.fromHandle((result as HasHandle).handle);
}

/** Calls an operator of a table. One made in place gives back its own tensor, not a second handle. */
export function callTable({ name, parameters, returns }: Operator, args: readonly TorchArgument[], inputs: number): unknown {
  if (args.length > inputs + parameters.length) {
    throw new TypeError(`expected at most ${parameters.length} arguments for ${name}, got ${args.length - inputs}`);
  }
  const result = wrapResult(callOperator(name, trimArguments(args)));
  if (returns === 'extreme' && Array.isArray(result)) return { values: result[0], indices: result[1] };
  if (returns !== 'self') return result;
  (result as Tensor).dispose();
  return args[0];
}

for (const [name, operator] of Object.entries(METHODS)) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...args: TorchArgument[]): unknown {
      return callTable(operator, [this, ...args], 1);
    },
    writable: true,
    configurable: true,
  });
}
