import { addon } from '../../lib/addon.ts';
import { torch } from '../../lib/tensor/index.ts';

/** From the newest to the oldest. A machine without one takes the next older one. */
export const INSTRUCTION_SETS = ['avx512_bf16', 'avx512', 'avx2', 'plain'] as const;
export type InstructionSet = (typeof INSTRUCTION_SETS)[number];

export const limitInstructionSet = (newest: InstructionSet): string => torch.call('hyperfit::limit_instruction_set', [newest]) as unknown as string;

export function byInstructionSet<T>(newest: InstructionSet, compute: () => T): T {
  limitInstructionSet(newest);
  try {
    return compute();
  } finally {
    limitInstructionSet('avx512_bf16');
  }
}

/** Nothing else may compute meanwhile. */
export async function whileLimitedTo<T>(newest: InstructionSet, compute: () => Promise<T>): Promise<T> {
  limitInstructionSet(newest);
  try {
    return await compute();
  } finally {
    limitInstructionSet('avx512_bf16');
  }
}

export async function byOperators<T>(compute: () => Promise<T>): Promise<T> {
  addon().setKernels(false);
  try {
    return await compute();
  } finally {
    addon().setKernels(true);
  }
}
