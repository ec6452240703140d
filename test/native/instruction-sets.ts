import { addon } from '../../lib/addon.ts';
import { torch } from '../../lib/tensor/index.ts';

/** From the newest to the oldest. A machine without one takes the next older one. */
export const INSTRUCTION_SETS = ['avx512_bf16', 'avx512', 'avx2', 'plain'] as const;
export type InstructionSet = (typeof INSTRUCTION_SETS)[number];

export const limitInstructionSet = (newest: InstructionSet): string => torch.call('hyperfit::limit_instruction_set', [newest]) as unknown as string;

/** Whether this processor has them. A limit to instructions that it lacks would test the next older ones under a wrong name. */
export function isHere(set: string): boolean {
  if (!(INSTRUCTION_SETS as readonly string[]).includes(set)) return true; // libtorch's operators and the like
  const used = limitInstructionSet(set as InstructionSet);
  limitInstructionSet('avx512_bf16');
  return used === set;
}

/** What a test of these instructions is declared by, and how it is called: skipped by name on a processor without them. */
export const describeBy = (set: string): typeof describe | typeof describe.skip => (isHere(set) ? describe : describe.skip);
export const testBy = (set: string): typeof test | typeof test.skip => (isHere(set) ? test : test.skip);
export const labelOf = (set: string): string => (isHere(set) ? set : `${set}, which this processor lacks`);

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
