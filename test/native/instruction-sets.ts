import { addon } from '../../lib/addon.ts';
import { torch } from '../../lib/tensor/index.ts';

/** From the newest to the oldest. A machine without one takes the next older one. */
const OF_PROCESSORS = ['amx', 'avx512_bf16', 'avx512', 'avx2', 'plain'] as const;
/** Of which the first has its tiles emulated, on every machine. */
export const INSTRUCTION_SETS = ['emulated_amx', ...OF_PROCESSORS] as const;
export type InstructionSet = (typeof INSTRUCTION_SETS)[number];

/** Gives what kernels use from now on. */
export function limitInstructionSet(newest: InstructionSet): string {
  const isEmulated = newest === 'emulated_amx';
  torch.call('hyperfit::emulate_tiles', [isEmulated]);
  const used = torch.call('hyperfit::limit_instruction_set', [isEmulated ? 'amx' : newest]) as unknown as string;
  return isEmulated ? newest : used;
}
const unlimit = (): string => limitInstructionSet('amx');

/** Whether this processor has them. A limit to instructions that it lacks would test the next older ones under a wrong name. */
export function isHere(set: string): boolean {
  if (!(INSTRUCTION_SETS as readonly string[]).includes(set)) return true; // libtorch's operators and the like
  const used = limitInstructionSet(set as InstructionSet);
  unlimit();
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
    unlimit();
  }
}

/** Nothing else may compute meanwhile. */
export async function whileLimitedTo<T>(newest: InstructionSet, compute: () => Promise<T>): Promise<T> {
  limitInstructionSet(newest);
  try {
    return await compute();
  } finally {
    unlimit();
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
