import { HyperfitError } from '../errors.ts';
import { nearestLength } from './bleu-statistics.ts';
import { NgramNumbers, type Tokens } from './ngrams.ts';
import { eachRun, scoreText, selfBleu } from './self-bleu.ts';

/** How the jackknife was made, for a table. */
export const SELF_BLEU_JACKKNIFE_SIGNATURE = 'spread:jackknife-pseudo-values|left-out:one-text-everywhere';

/**
 * What each text adds to the Self-BLEU of its set, as reference of the others too: jackknife pseudo-values, n S - (n - 1) S without the
 * text, moved so that their mean is S. Scores of single texts share their references, and are not independent; these stand for the texts in
 * intervals and tests. Empty for fewer than three texts. The jackknife errs towards too much variance. Sources: Tukey 1958; Efron and Stein
 * 1981.
 *
 * @example
 * const interval = bootstrapMean(selfBleuPseudoValues(generations.map(({ ids }) => ids)));
 * console.log(interval?.mean, interval?.low, interval?.high); // the mean is the Self-BLEU of all
 */
export function selfBleuPseudoValues(texts: readonly Tokens[], maxOrder = 4): number[] {
  if (texts.length < 3) return [];
  const whole = selfBleu(texts, maxOrder)!;
  const without = withoutEach(texts, maxOrder);
  const mean = without.reduce((sum, value) => sum + value, 0) / without.length;
  return without.map((value) => whole + (texts.length - 1) * (mean - value));
}

/**
 * Self-BLEU of the set without each text in turn; at least three texts. One count of all n-grams serves: what leaves with a text is taken
 * off.
 * @throws HyperfitError ERR_DATA for fewer
 *
 * @example
 * selfBleuWithoutEach([[1, 2, 3, 4], [1, 2, 3, 5], [6, 7, 8, 9]]); // 0, 0, 0.398: the first two are alike
 */
export function selfBleuWithoutEach(texts: readonly Tokens[], maxOrder = 4): number[] {
  if (texts.length < 3)
    throw new HyperfitError(
      'ERR_DATA',
      `expected at least three texts, of which two are left without each, got ${texts.length}; write more`,
    );
  return withoutEach(texts, maxOrder);
}

function withoutEach(texts: readonly Tokens[], maxOrder: number): number[] {
  const numbers = new NgramNumbers();
  const orders = Array.from({ length: maxOrder }, (_, index) => orderCounts(texts, index + 1, numbers));
  const nearestOf = nearestWithout(texts.map(({ length }) => length));
  return texts.map((_, left) => {
    let sum = 0;
    texts.forEach(({ length }, text) => {
      if (text === left) return;
      const matches = orders.map(({ matches: all, lost }) => all[text]! - (lost[text]!.get(left) ?? 0));
      sum += scoreText(length, nearestOf(text, left), matches);
    });
    return sum / (texts.length - 1);
  });
}

interface OrderCounts {
  /** Clipped matches of each text against all others. */
  matches: number[];
  /** Of each text, how many of them go when another text is left out. */
  lost: Map<number, number>[];
}

function orderCounts(texts: readonly Tokens[], order: number, numbers: NgramNumbers): OrderCounts {
  const sorted = texts.map((text) => numbers.of(text, order).sort());
  const top = new TopThree(numbers.distinct(order));
  sorted.forEach((grams, text) => eachRun(grams, (gram, count) => top.add(gram, count, text)));
  const lost = texts.map(() => new Map<number, number>());
  const matches = sorted.map((grams, text) => {
    let sum = 0;
    eachRun(grams, (gram, count) => {
      const [most, second, leader] = top.beside(gram, text);
      const clipped = Math.min(count, most);
      sum += clipped;
      const loss = clipped - Math.min(count, second);
      if (loss > 0) lost[text]!.set(leader, (lost[text]!.get(leader) ?? 0) + loss);
    });
    return sum;
  });
  return { matches, lost };
}

/** Of each n-gram, the three texts that have it most often, and how often. */
class TopThree {
  readonly #counts: Int32Array;
  readonly #texts: Int32Array;

  constructor(ngrams: number) {
    this.#counts = new Int32Array(3 * ngrams);
    this.#texts = new Int32Array(3 * ngrams).fill(-1);
  }

  add(gram: number, count: number, text: number): void {
    let at = 3 * gram + 2;
    if (count <= this.#counts[at]!) return;
    for (; at > 3 * gram && count > this.#counts[at - 1]!; at -= 1) {
      this.#counts[at] = this.#counts[at - 1]!;
      this.#texts[at] = this.#texts[at - 1]!;
    }
    this.#counts[at] = count;
    this.#texts[at] = text;
  }

  /** The largest count in a text other than this one, the next one, and the text of the first; 0 and -1 for none. */
  beside(gram: number, text: number): [number, number, number] {
    const others = [0, 1, 2].map((rank) => 3 * gram + rank).filter((at) => this.#texts[at] !== text);
    return [this.#counts[others[0]!]!, this.#counts[others[1]!]!, this.#texts[others[0]!]!];
  }
}

/** The length nearest to that of a text among all but that text and another. */
function nearestWithout(lengths: readonly number[]): (text: number, left: number) => number {
  const counts = new Map<number, number>();
  for (const length of lengths) counts.set(length, (counts.get(length) ?? 0) + 1);
  const found = new Map<string, number>();
  const search = (own: number, left: number): number => {
    const remaining = [...counts]
      .filter(([length, count]) => count > Number(length === own) + Number(length === left))
      .map(([length]) => length);
    return nearestLength(remaining, own);
  };
  return (text, left) => {
    const key = `${lengths[text]} ${lengths[left]}`;
    const nearest = found.get(key) ?? search(lengths[text]!, lengths[left]!);
    found.set(key, nearest);
    return nearest;
  };
}
