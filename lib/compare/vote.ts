import { preferredText, type Answer } from './answer.ts';
import type { StudyKey } from './study.ts';

/** An answer with the key applied. */
export interface Vote {
  annotator: string;
  item: string;
  context: string;
  /** Place of the pair in the key. */
  pair: number;
  /** Of the first variant of the pair: 1 preferred, 0 equal, -1 the other preferred. */
  outcome: 1 | 0 | -1;
}

/** Undoes the order within items: what was drawn when the study was built, and the side when it was shown. */
export function toVotes(answers: readonly Answer[], key: StudyKey): Vote[] {
  const items = new Map(key.items.map((item) => [item.id, item]));
  return answers.map((answer) => {
    const { context, variants } = items.get(answer.item)!;
    const pair = key.pairs.findIndex((names) => variants.every((name) => names.includes(name)));
    const preferred = preferredText(answer);
    const outcome = preferred === undefined ? 0 : variants[preferred] === key.pairs[pair]![0] ? 1 : -1;
    return { annotator: answer.annotator, item: answer.item, context, pair, outcome };
  });
}
