import { nearestLength } from './bleu-statistics.ts';
import { countEach, NgramNumbers, type Tokens } from './ngrams.ts';
import { doubled } from './pair-numbers.ts';
import { scoreText } from './self-bleu.ts';

/**
 * How Dataset-BLEU was computed, for a table.
 *
 * @example
 * datasetBleuSignature(); // dataset-bleu|refs:all-training-sequences|order:4|weights:uniform|tok:token-ids|smooth:method1[0.1]|...
 */
export function datasetBleuSignature(maxOrder = 4): string {
  return `dataset-bleu|refs:all-training-sequences|order:${maxOrder}|weights:uniform|tok:token-ids|smooth:method1[0.1]|mean:texts|scale:0-1`;
}

/**
 * Reference sequences, counted once, for BLEU of many texts against all of them; equal to nltk's `sentence_bleu` with smoothing method1.
 *
 * @example
 * const bleu = new DatasetBleu(trainingIds);
 * console.log(generations.map(({ ids }) => bleu.score(ids))); // near 1 where a text is made of training text
 */
export class DatasetBleu {
  readonly #numbers = new NgramNumbers();
  /** Per order and number of an n-gram, how often it stands in the one reference that has it most. */
  readonly #limits: Int32Array[];
  /** Those that occur. */
  readonly #lengths: number[];

  constructor(references: readonly Tokens[], maxOrder = 4) {
    this.#lengths = [...new Set(references.map(({ length }) => length))];
    this.#limits = Array.from({ length: maxOrder }, (_, index) => this.#mostOften(references, index + 1));
  }

  /** In [0, 1]; 0 without references. */
  score(text: Tokens): number {
    if (this.#lengths.length === 0) return 0;
    const matches = this.#limits.map((limits, index) => {
      let sum = 0;
      for (const [gram, count] of countEach(this.#numbers.of(text, index + 1))) sum += Math.min(count, limits[gram] ?? 0);
      return sum;
    });
    return scoreText(text.length, nearestLength(this.#lengths, text.length), matches);
  }

  #mostOften(references: readonly Tokens[], order: number): Int32Array {
    let limits = new Int32Array(64);
    for (const reference of references) {
      const counts = countEach(this.#numbers.of(reference, order));
      while (this.#numbers.distinct(order) > limits.length) limits = doubled(limits);
      for (const [gram, count] of counts) limits[gram] = Math.max(limits[gram]!, count);
    }
    return limits;
  }
}
