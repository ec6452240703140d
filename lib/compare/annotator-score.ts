import { signTest } from '../evaluate/sign-test.ts';
import { wilsonInterval, type ProportionInterval } from '../evaluate/wilson.ts';
import type { Answer, Choice } from './answer.ts';
import { groupBy } from './groups.ts';
import type { Vote } from './vote.ts';

/** How often side A was preferred among answers that preferred one; 0.5 is no bias, whatever the texts, since sides are drawn. */
export interface SideBias {
  /** Answers for the left text. */
  a: number;
  /** Answers for the right text. */
  b: number;
  /** Of the left among both; null without either. */
  share: ProportionInterval | null;
  /** Of a sign test of A against B. */
  p: number;
}

/** What one reader answered. */
export interface AnnotatorScore {
  /** As tables and messages call it. */
  name: string;
  /** How many answers were counted. */
  answers: number;
  /** Share of answers that called both texts equal. */
  equal: number;
  /** Whether the left text was preferred as such. */
  sideBias: SideBias;
  /** Of the time that an item was shown before it was answered. */
  medianSeconds: number;
  /** Share of the others' answers to the same items that agree; null when there are none. */
  agreement: number | null;
}

/** Each annotator's own figures, by name. */
export function scoreAnnotators(answers: readonly Answer[], votes: readonly Vote[]): AnnotatorScore[] {
  const names = [...new Set(answers.map(({ annotator }) => annotator))].sort();
  const byItem = groupBy(votes, ({ item }) => item);
  return names.map((name) => {
    const own = answers.filter(({ annotator }) => annotator === name);
    return {
      name,
      answers: own.length,
      equal: own.filter(({ choice }) => choice === 'equal').length / own.length,
      sideBias: sideBias(own),
      medianSeconds: median(own.map(({ seconds }) => seconds)),
      agreement: agreement(name, byItem),
    };
  });
}

/** Of a judge, which sees every item both ways, each reply counts. */
export function sideBias(answers: readonly Answer[]): SideBias {
  const choices = answers.flatMap(({ choice, replies }): readonly Choice[] => replies ?? [choice]);
  const a = choices.filter((choice) => choice === 'A').length;
  const b = choices.filter((choice) => choice === 'B').length;
  return { a, b, share: wilsonInterval(a, a + b), p: signTest([...Array<number>(a).fill(1), ...Array<number>(b).fill(-1)]).p };
}

function agreement(name: string, byItem: ReadonlyMap<string, readonly Vote[]>): number | null {
  let agreeing = 0;
  let compared = 0;
  for (const votes of byItem.values()) {
    const own = votes.find(({ annotator }) => annotator === name);
    if (own === undefined) continue;
    const others = votes.filter(({ annotator }) => annotator !== name);
    compared += others.length;
    agreeing += others.filter(({ outcome }) => outcome === own.outcome).length;
  }
  return compared === 0 ? null : agreeing / compared;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}
