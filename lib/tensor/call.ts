import { addon } from '../addon.ts';
import type { NativeResult, NativeValue, TensorHandle } from '../addon-types.ts';

/** Anything that stands for a native tensor; Tensor itself does. */
export interface HasHandle {
  readonly handle: TensorHandle;
}

/** An argument of any operator: dtypes by name ('float32'), devices by name ('cpu'), undefined and null as None. */
export type TorchArgument = null | undefined | boolean | number | string | HasHandle | readonly TorchArgument[];

/**
 * Calls an operator; results still hold bare handles.
 * @throws TypeError for arguments that no overload takes, HyperfitError ERR_DISPOSED, ERR_DEVICE, ERR_OUT_OF_MEMORY, ERR_TORCH
 */
export function callOperator(
  name: string,
  args: readonly TorchArgument[],
  kwargs: Readonly<Record<string, TorchArgument>> = {},
): NativeResult {
  return addon().tensorCall(name, args as readonly NativeValue[], kwargs as Record<string, NativeValue>);
}

/** Arguments without those left out at the end, so that the operator's own defaults apply. */
export function trimArguments(args: readonly TorchArgument[]): readonly TorchArgument[] {
  const last = args.findLastIndex((arg) => arg !== undefined);
  return args.slice(0, last + 1);
}
