import { nearestLength } from './bleu-statistics.ts';
import { mean } from './mean.ts';
import { NgramNumbers, type Tokens } from './ngrams.ts';

const EPSILON = 0.1;

/**
 * How Self-BLEU was computed, for a table.
 *
 * @example
 * selfBleuSignature(); // self-bleu|refs:all-other-texts|order:4|weights:uniform|tok:token-ids|smooth:method1[0.1]|mean:texts|scale:0-1
 */
export function selfBleuSignature(maxOrder = 4): string {
  return `self-bleu|refs:all-other-texts|order:${maxOrder}|weights:uniform|tok:token-ids|smooth:method1[${EPSILON}]|mean:texts|scale:0-1`;
}

/**
 * Mean over texts of the BLEU of each text against all others, in [0, 1]; lower is more diverse; null for fewer than two texts.
 * Equal to nltk's `sentence_bleu` with uniform weights and `SmoothingFunction().method1`. No text is left out, and the time is linear in
 * the
 * number of n-grams. Source: Zhu et al. 2018 (Texygen); order, smoothing and texts are stated in the signature.
 *
 * @example
 * const texts = generations.map(({ ids }) => ids);
 * console.log(selfBleu(texts)); // 0 to 1, null for fewer than two texts
 */
export function selfBleu(texts: readonly Tokens[], maxOrder = 4): number | null {
  return mean(selfBleuScores(texts, maxOrder));
}

/**
 * The score of each text; empty for fewer than two texts.
 *
 * @example
 * selfBleuScores([[1, 2, 3, 4], [1, 2, 3, 5], [6, 7, 8, 9]]); // 0.398, 0.398, 0
 */
export function selfBleuScores(texts: readonly Tokens[], maxOrder = 4): number[] {
  if (texts.length < 2) return [];
  const numbers = new NgramNumbers();
  const orders = Array.from({ length: maxOrder }, (_, index) => clippedCounts(texts, index + 1, numbers));
  const nearest = nearestOthers(texts.map(({ length }) => length));
  return texts.map(({ length }, index) =>
    scoreText(
      length,
      nearest[index]!,
      orders.map((matches) => matches[index]!),
    ),
  );
}

/** For each length, the nearest one among the others: itself where it occurs twice; the shorter one when two are equally near. */
function nearestOthers(lengths: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const length of lengths) counts.set(length, (counts.get(length) ?? 0) + 1);
  const nearest = new Map<number, number>();
  const different = [...counts.keys()];
  for (const [length, count] of counts)
    nearest.set(
      length,
      count > 1
        ? length
        : nearestLength(
            different.filter((other) => other !== length),
            length,
          ),
    );
  return lengths.map((length) => nearest.get(length)!);
}

/** For each text, how many of its n-grams occur in other texts, clipped by the one other text that has each most often. */
function clippedCounts(texts: readonly Tokens[], order: number, numbers: NgramNumbers): number[] {
  const sorted = texts.map((text) => numbers.of(text, order).sort());
  const leaders = new Leaders(numbers.distinct(order));
  sorted.forEach((grams, text) => eachRun(grams, (gram, count) => leaders.add(gram, count, text)));
  return sorted.map((grams, text) => {
    let matches = 0;
    eachRun(grams, (gram, count) => (matches += Math.min(count, leaders.mostBeside(gram, text))));
    return matches;
  });
}

/** Every number that occurs in `sorted`, and how often. */
export function eachRun(sorted: Int32Array, visit: (number: number, count: number) => void): void {
  for (let start = 0; start < sorted.length;) {
    let end = start + 1;
    while (sorted[end] === sorted[start]) end += 1;
    visit(sorted[start]!, end - start);
    start = end;
  }
}

/** Of each n-gram the largest count in one text, that text, and the largest count elsewhere. */
class Leaders {
  readonly #most: Int32Array;
  readonly #second: Int32Array;
  readonly #text: Int32Array;

  constructor(ngrams: number) {
    this.#most = new Int32Array(ngrams);
    this.#second = new Int32Array(ngrams);
    this.#text = new Int32Array(ngrams);
  }

  add(gram: number, count: number, text: number): void {
    if (count > this.#most[gram]!) {
      this.#second[gram] = this.#most[gram]!;
      this.#most[gram] = count;
      this.#text[gram] = text;
    } else if (count > this.#second[gram]!) this.#second[gram] = count;
  }

  /** In a text other than this one. */
  mostBeside(gram: number, text: number): number {
    return this.#text[gram] === text ? this.#second[gram]! : this.#most[gram]!;
  }
}

/** BLEU of one text from its clipped matches per order, smoothed as nltk's method1. */
export function scoreText(length: number, nearest: number, matches: readonly number[]): number {
  if (length === 0 || matches[0] === 0) return 0;
  const logs = matches.map((count, index) => Math.log((count === 0 ? EPSILON : count) / Math.max(1, length - index)));
  const brevityPenalty = length > nearest ? 1 : Math.exp(1 - nearest / length);
  return brevityPenalty * Math.exp(logs.reduce((sum, log) => sum + log, 0) / matches.length);
}
