import { decoderSteps, type DecoderStep } from './decoder-steps.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What streaming needs of a tokenizer. */
export type PieceSource = Pick<Tokenizer, 'pieces' | 'isSpecial' | 'decoder'>;

/**
 * Text as tokens come, holding back what later tokens may still change: an unfinished character, and of tokenizers with byte tokens the run
 * of them that is not over. All that is given out, together with `flush()`, is what `decode` makes of the same ids, to the byte.
 */
export class StreamDecoder {
  readonly #tokenizer: PieceSource;
  readonly #skipSpecialTokens: boolean;
  readonly #steps: readonly DecoderStep[];
  #states: unknown[];

  constructor(tokenizer: PieceSource, { skipSpecialTokens = true } = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = skipSpecialTokens;
    this.#steps = decoderSteps(tokenizer.decoder);
    this.#states = this.#fresh();
  }

  /** What token `id` adds to the text for good, often nothing. @throws HyperfitError ERR_TOKENIZER for an id outside the vocabulary */
  push(id: number): string {
    const pieces = this.#tokenizer.pieces(id);
    // What transformers leaves out before it decodes is as if it had never come: a run of bytes goes on after it.
    if (this.#skipSpecialTokens && this.#tokenizer.isSpecial(id)) return '';
    return this.#run(pieces, 0, this.#states);
  }

  /** What is held back, as it reads if no token follows. */
  get pending(): string {
    const states = [...this.#states];
    return this.#steps.map((step, at) => this.#run(step.end(states[at]), at + 1, states)).join('');
  }

  /** What was held back. The decoder is then as new. */
  flush(): string {
    const rest = this.pending;
    this.#states = this.#fresh();
    return rest;
  }

  #fresh(): unknown[] {
    return this.#steps.map(({ start }) => start);
  }

  /** Sends pieces through the steps from number `from` on. */
  #run(pieces: readonly string[], from: number, states: unknown[]): string {
    let current = pieces;
    for (let at = from; at < this.#steps.length; at++) {
      current = current.flatMap((piece) => {
        const { state, pieces: given } = this.#steps[at]!.push(states[at], piece);
        states[at] = state;
        return given;
      });
    }
    return current.join('');
  }
}
