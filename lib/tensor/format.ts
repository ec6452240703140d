import { addon } from '../addon.ts';
import { callOperator, type HasHandle } from './call.ts';
import { dtypeOf, makeArray } from './dtype.ts';

const SHOWN = 8;

/** "Tensor [2, 3] float32 cpu: 1, 2, 3, 4, 5, 6". Reads at most eight elements, whatever the size; never throws. */
export function renderTensor(tensor: HasHandle & { readonly isDisposed: boolean }): string {
  if (tensor.isDisposed) return 'Tensor (disposed)';
  try {
    const { shape, dtype, device } = addon().tensorInfo(tensor.handle);
    const numel = shape.reduce((product, size) => product * size, 1);
    const values = firstElements(tensor, Math.min(numel, SHOWN), numel).map(renderNumber);
    if (numel > SHOWN) values.push('...');
    return `Tensor [${shape.join(', ')}] ${dtypeOf(dtype)} ${device}: ${values.join(', ')}`;
  } catch (error) {
    return `Tensor (${(error as Error).message})`;
  }
}

function firstElements(tensor: HasHandle, count: number, numel: number): (number | bigint)[] {
  const temporary: HasHandle[] = [];
  const call = (name: string, ...args: Parameters<typeof callOperator>[1]): HasHandle => {
    const result = callOperator(name, args) as HasHandle;
    temporary.push(result);
    return result;
  };
  try {
    const flat = call('aten::reshape', call('aten::detach', tensor), [numel]);
    const first = call('aten::narrow', flat, 0, 0, count);
    const out = makeArray(dtypeOf(addon().tensorInfo(tensor.handle).dtype), count);
    addon().tensorRead(first.handle, out);
    return Array.from<number | bigint>(out as ArrayLike<number>);
  } finally {
    for (const { handle } of temporary) addon().tensorDispose(handle);
  }
}

function renderNumber(value: number | bigint): string {
  return typeof value === 'bigint' ? String(value) : String(Number(value.toPrecision(6)));
}
