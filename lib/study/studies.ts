import { curve } from './curve.ts';
import { order } from './order.ts';
import { quantity } from './quantity.ts';
import type { Study, StudyName } from './study.ts';

const STUDIES: Partial<Record<StudyName, Study>> = { curve, order, quantity };

/** The studies that can be run, in the order of the paper. */
export const AVAILABLE = Object.keys(STUDIES) as StudyName[];

export function findStudy(name: string): Study | undefined {
  return STUDIES[name as StudyName];
}
