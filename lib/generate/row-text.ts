import { ContinuationDecoder } from '../tokenizer/continuation-decoder.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { findStopString, heldFrom, type HiddenText } from './stop-strings.ts';

/** The text of one continuation as its tokens come, up to the first stop string. */
export class RowText {
  readonly #tokenizer: Tokenizer;
  readonly #stopStrings: readonly string[];
  readonly #longest: number;
  readonly #decoder: ContinuationDecoder;
  readonly #hidden: HiddenText[] = [];
  #settled = '';
  /** The text before a stop string. */
  #stopped: string | undefined;
  #length = 0;

  constructor(tokenizer: Tokenizer, promptIds: Int32Array, stopStrings: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#stopStrings = stopStrings;
    this.#longest = Math.max(0, ...stopStrings.map(({ length }) => length));
    this.#decoder = new ContinuationDecoder(tokenizer, promptIds);
  }

  /** The tokens read; after a stop string the fewest whose text holds it. */
  get length(): number {
    return this.#length;
  }

  get isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** The text if no token follows. */
  get text(): string {
    return this.#stopped ?? this.#settled + this.#decoder.pending;
  }

  /** How much of the text no later token can change or take away. */
  get ready(): number {
    if (this.#stopped !== undefined) return this.#stopped.length;
    if (this.#stopStrings.length === 0) return this.#settled.length;
    const from = Math.max(0, this.#settled.length - this.#longest);
    return heldFrom({ shown: this.#settled, from, hidden: this.#hidden }, this.#stopStrings);
  }

  /** Whether part of the text is not ready. */
  get isWaiting(): boolean {
    return this.#stopped === undefined && (this.ready < this.#settled.length || this.#decoder.pending !== '');
  }

  /** Tokens after a stop string do not count. */
  push(id: number): void {
    if (this.#stopped !== undefined) return;
    this.#length += 1;
    const from = Math.max(0, this.#settled.length - this.#longest);
    this.#hide(id);
    this.#settled += this.#decoder.push(id);
    if (this.#stopStrings.length === 0) return;
    const shown = this.#settled + this.#decoder.pending;
    const place = findStopString({ shown, from, hidden: this.#hidden }, this.#stopStrings);
    if (place !== undefined) this.#stopped = shown.slice(0, place);
  }

  /** What transformers would not show still stops. */
  #hide(id: number): void {
    if (this.#stopStrings.length === 0 || id >= this.#tokenizer.vocabSize || !this.#tokenizer.isSpecial(id)) return;
    this.#hidden.push({ at: this.#settled.length + this.#decoder.pending.length, text: this.#tokenizer.piece(id) ?? '' });
  }
}
