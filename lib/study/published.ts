import type { Mark, Published } from './findings.ts';

/** A value of arXiv 2412.04318 (or of the named follow-up) and how certain it is. */
export function published(text: string, mark: Mark): Published {
  return { text, mark };
}

/** Figure 2, TinyLlama, read off to .02 in loss and .005 in TTR: epoch, training loss, validation loss, TTR. */
export const FIGURE_2: readonly (readonly [epoch: number, trainLoss: string, validationLoss: string, ttr: string])[] = [
  [0, '3.57', '3.57', '.244'],
  [1, '2.81', '2.69', '.430'],
  [2, '2.14', '2.76', '.552'],
  [3, '1.43', '3.08', '.621'],
  [4, '.80', '3.55', '.621'],
  [5, '.36', '4.04', '.651'],
  [6, '.15', '4.40', '.653'],
  [7, '.08', '4.72', '.654'],
  [8, '.07', '4.93', '.666'],
  [10, '.06', '5.12', '.659'],
  [12, '.07', '5.01', '.667'],
  [14, '.07', '4.89', '.663'],
  [16, '.07', '5.03', '.654'],
  [18, '.07', '5.14', '.667'],
  [20, '.06', '5.21', '.645'],
];

export const HUMAN_TTR = published('.737', 'D');

/** Table 1, TinyLlama, TTR. */
export const TABLE_1 = {
  original: published('about .17', 'I'),
  topP: published('.282', 'S'),
  hyperfitted: published('.600', 'S'),
} as const;

/** Tables 2 and figure 3, 96-token continuations. */
export const TABLE_2 = {
  originalOverlap: published('4.0 (Llama 3.1 8B)', 'S'),
  hyperfittedOverlap: published('5.8 (Llama 3.1 8B)', 'S'),
  hyperfittedOverlapMax: published('37 to 40 (DeepSeek 7B, Llama 3.1 8B)', 'S'),
  hyperfittedOver10: published('under .02', 'S'),
} as const;

/** Table 3, Llama 3.1 8B. */
export const TABLE_3 = {
  perplexity: [published('13.1', 'S'), published('103', 'S')],
  entropy: [published('3.47', 'S'), published('1.46', 'S')],
  top1Mass: [published('.484', 'S'), published('.744', 'S')],
} as const;

/** Figure 5, left. */
export const ORDER_AGREEMENT = published('.68 to .75 (Llama 3.1 8B)', 'S');

/** arXiv 2605.22579, TinyLlama. */
export const FOLLOW_UP = {
  matchedTemperature: published('.59 (arXiv 2605.22579)', 'S'),
  matchedTtr: published('.397 (arXiv 2605.22579)', 'I'),
  originalTtr: published('.400 (arXiv 2605.22579)', 'I'),
  hyperfittedTtr: published('.684 (arXiv 2605.22579)', 'S'),
  overrides: published('.391 (arXiv 2605.22579)', 'S'),
  overridesBeyond10: published('.129 (arXiv 2605.22579)', 'S'),
  biasedTtr: { 0.01: published('.409 (arXiv 2605.22579)', 'S'), 0.5: published('.215 (arXiv 2605.22579)', 'S') } as Record<
    number,
    Published
  >,
  biasedBigrams: { 0.01: published('.609 (arXiv 2605.22579)', 'S'), 0.5: published('.706 (arXiv 2605.22579)', 'S') } as Record<
    number,
    Published
  >,
  originalBigrams: published('.592 (arXiv 2605.22579)', 'I'),
  matchedBigrams: published('.604 (arXiv 2605.22579)', 'I'),
  hyperfittedBigrams: published('.140 (arXiv 2605.22579)', 'S'),
  agreement: published('.570 (arXiv 2605.22579)', 'S'),
} as const;
