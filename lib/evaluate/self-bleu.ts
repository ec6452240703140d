import { nearestLength } from './bleu-statistics.ts';
import { mean } from './mean.ts';
import { countEach, NgramNumbers, type Tokens } from './ngrams.ts';

const EPSILON = 0.1;

export function selfBleuSignature(maxOrder = 4): string {
  return `self-bleu|refs:all-other-texts|order:${maxOrder}|weights:uniform|tok:token-ids|smooth:method1[${EPSILON}]|mean:texts|scale:0-1`;
}

/**
 * Mean over texts of the BLEU of each text against all others, in [0, 1]; lower is more diverse; null for fewer than two texts.
 * Equal to nltk's `sentence_bleu` with uniform weights and `SmoothingFunction().method1`. No text is left out, and the time is linear in the
 * number of n-grams. Source: Zhu et al. 2018 (Texygen); order, smoothing and texts are stated in the signature.
 */
export function selfBleu(texts: readonly Tokens[], maxOrder = 4): number | null {
  return mean(selfBleuScores(texts, maxOrder));
}

/** The score of each text; empty for fewer than two texts. */
export function selfBleuScores(texts: readonly Tokens[], maxOrder = 4): number[] {
  if (texts.length < 2) return [];
  const numbers = new NgramNumbers();
  const orders = Array.from({ length: maxOrder }, (_, index) => clippedCounts(texts, index + 1, numbers));
  const lengths = texts.map((text) => text.length);
  return texts.map((text, index) => {
    const nearest = nearestLength(lengths.toSpliced(index, 1), text.length);
    return scoreText(text.length, nearest, orders.map((matches) => matches[index]!));
  });
}

/** For each text, how many of its n-grams occur in other texts, clipped by the one other text that has each most often. */
function clippedCounts(texts: readonly Tokens[], order: number, numbers: NgramNumbers): number[] {
  const counts = texts.map((text) => countEach(numbers.of(text, order)));
  const leaders = findLeaders(counts);
  return counts.map((own, text) => {
    let matches = 0;
    for (const [gram, count] of own) {
      const leader = leaders.get(gram)!;
      matches += Math.min(count, leader.text === text ? leader.second : leader.most);
    }
    return matches;
  });
}

/** The largest count of an n-gram in one text, that text, and the largest count elsewhere. */
interface Leader {
  text: number;
  most: number;
  second: number;
}

function findLeaders(counts: readonly Map<number, number>[]): Map<number, Leader> {
  const leaders = new Map<number, Leader>();
  counts.forEach((own, text) => {
    for (const [gram, count] of own) {
      const leader = leaders.get(gram);
      if (leader === undefined) leaders.set(gram, { text, most: count, second: 0 });
      else if (count > leader.most) leaders.set(gram, { text, most: count, second: leader.most });
      else leader.second = Math.max(leader.second, count);
    }
  });
  return leaders;
}

/** BLEU of one text from its clipped matches per order, smoothed as nltk's method1. */
export function scoreText(length: number, nearest: number, matches: readonly number[]): number {
  if (length === 0 || matches[0] === 0) return 0;
  const logs = matches.map((count, index) => Math.log((count === 0 ? EPSILON : count) / Math.max(1, length - index)));
  const brevityPenalty = length > nearest ? 1 : Math.exp(1 - nearest / length);
  return brevityPenalty * Math.exp(logs.reduce((sum, log) => sum + log, 0) / matches.length);
}
