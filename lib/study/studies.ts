import { curve } from './curve.ts';
import { diversity } from './diversity.ts';
import { domains } from './domains.ts';
import { downstream } from './downstream.ts';
import { grokking } from './grokking.ts';
import { images } from './images.ts';
import { length } from './length.ts';
import { order } from './order.ts';
import { probe } from './probe.ts';
import { quality } from './quality.ts';
import { quantization } from './quantization.ts';
import { quantity } from './quantity.ts';
import { rank } from './rank.ts';
import { sharpness } from './sharpness.ts';
import type { Study, StudyName } from './study.ts';
import { sweep } from './sweep.ts';
import { temperature } from './temperature.ts';

const STUDIES: Record<StudyName, Study> = {
  curve,
  quality,
  diversity,
  sharpness,
  probe,
  order,
  domains,
  quantity,
  length,
  images,
  downstream,
  temperature,
  sweep,
  grokking,
  quantization,
  rank,
};

/** Every study, in the order of the paper. */
export const AVAILABLE = Object.keys(STUDIES) as StudyName[];

/**
 * The study of this name; undefined where there is none.
 *
 * @example
 * console.log(findStudy('curve')?.question);
 * for (const name of STUDY_NAMES) console.log(name, findStudy(name)?.title);
 */
export function findStudy(name: string): Study | undefined {
  return Object.hasOwn(STUDIES, name) ? STUDIES[name as StudyName] : undefined;
}
