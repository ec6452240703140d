import type { Control } from '../addon-types.ts';
import { endRow } from '../control.ts';
import { HyperfitError } from '../errors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Generation } from './generation.ts';

/** Where the first of `stopStrings` begins in `text`, or -1. */
export function findStopString(text: string, stopStrings: readonly string[]): number {
  const places = stopStrings.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

/** How many characters at the end of `text` may be the beginning of a stop string. */
export function heldBack(text: string, stopStrings: readonly string[]): number {
  const longest = Math.max(0, ...stopStrings.map((stop) => stop.length - 1));
  for (let count = Math.min(longest, text.length); count > 0; count--) {
    if (stopStrings.some((stop) => stop.startsWith(text.slice(-count)))) return count;
  }
  return 0;
}

/** Reads rows as they grow and ends each in which a stop string has appeared. */
export class StopStringWatch {
  readonly #tokenizer: Tokenizer;
  readonly #stopStrings: readonly string[];
  readonly #rows: number[][];
  #control: Control | undefined;

  constructor(tokenizer: Tokenizer | undefined, stopStrings: readonly string[], rows: number) {
    if (tokenizer === undefined) {
      throw new HyperfitError('ERR_TOKENIZER', 'expected a tokenizer for `stopStrings`, got a model without one; use stopIds, or add tokenizer.json to the model folder');
    }
    this.#tokenizer = tokenizer;
    this.#stopStrings = stopStrings;
    this.#rows = Array.from({ length: rows }, () => []);
  }

  watch(control: Control): void {
    this.#control = control;
  }

  /** The row runs on for a token or two while its text is read; `cut` takes those away. */
  async onToken(row: number, id: number): Promise<void> {
    const ids = this.#rows[row]!;
    ids.push(id);
    const text = await this.#tokenizer.decode(ids.slice(), { skipSpecialTokens: true });
    if (findStopString(text, this.#stopStrings) >= 0 && this.#control) endRow(this.#control, row);
  }

  /** The generation up to its first stop string: the fewest ids whose text holds it, and the text before it. */
  async cut(generation: Generation): Promise<Generation> {
    const whole = generation.text ?? '';
    const place = findStopString(whole, this.#stopStrings);
    if (place < 0) return generation;
    const length = await this.#shortest(generation.ids);
    return {
      ...generation,
      ids: generation.ids.slice(0, length),
      text: whole.slice(0, place),
      finishReason: 'stop',
      ...(generation.logProbs && { logProbs: generation.logProbs.slice(0, length) }),
      ...(generation.entropies && { entropies: generation.entropies.slice(0, length) }),
    };
  }

  async #shortest(ids: Int32Array): Promise<number> {
    for (let length = 1; length < ids.length; length++) {
      const text = await this.#tokenizer.decode(ids.slice(0, length), { skipSpecialTokens: true });
      if (findStopString(text, this.#stopStrings) >= 0) return length;
    }
    return ids.length;
  }
}
