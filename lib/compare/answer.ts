import { z } from 'zod';

/** The annotator of a language model's answers is `judge:` and the model's name. */
export const JUDGE_PREFIX = 'judge:';

/** A name as the page makes it: no control characters, no space at its ends. */
export const ANNOTATOR = z
  .string()
  .min(1)
  .max(200)
  .regex(/^(?!\s)[^\p{Cc}]+(?<!\s)$/u);

/** One answer, a line of an answers file. A later one of the same annotator and item replaces it. */
export const ANSWER = z.object({
  study: z.string().max(64),
  item: z.string().regex(/^[0-9a-f]{1,64}$/),
  annotator: ANNOTATOR,
  choice: z.enum(['A', 'B', 'equal']),
  /** Which of the item's texts stood on side A. */
  left: z.union([z.literal(0), z.literal(1)]),
  /** Place in the annotator's order, from 1. */
  position: z.number().int().positive(),
  /** From when the item was shown. */
  seconds: z.number().nonnegative(),
  at: z.iso.datetime(),
  /** A judge's two replies: with the item's first text on side A, and with its second there. */
  replies: z.tuple([z.enum(['A', 'B', 'equal']), z.enum(['A', 'B', 'equal'])]).optional(),
});

/** One answer of one reader: which of two texts, shown side by side, was preferred. */
export type Answer = z.infer<typeof ANSWER>;
/** The left text, the right one, or neither. */
export type Choice = Answer['choice'];

/** Place of the preferred text in its item, or undefined for equal. */
export function preferredText({ choice, left }: Pick<Answer, 'choice' | 'left'>): 0 | 1 | undefined {
  if (choice === 'equal') return undefined;
  return choice === 'A' ? left : ((1 - left) as 0 | 1);
}

export const isJudge = (annotator: string): boolean => annotator.startsWith(JUDGE_PREFIX);

/**
 * One answer for each annotator and item: the last by time, and of equal times the last in the list.
 *
 * @example
 * const study = await readStudy('study.html');
 * const answers = latestAnswers([...(await readAnswers('ada.jsonl', study)), ...(await readAnswers('ben.jsonl', study))]);
 */
export function latestAnswers(answers: readonly Answer[]): Answer[] {
  const latest = new Map<string, Answer>();
  for (const answer of answers) {
    const place = JSON.stringify([answer.annotator, answer.item]);
    const known = latest.get(place);
    if (known === undefined || Date.parse(known.at) <= Date.parse(answer.at)) latest.set(place, answer);
  }
  return [...latest.values()];
}
