import type { Tokenizer } from './tokenizer.ts';

/**
 * Text as tokens come, holding back what is no whole character yet. All that is given out, together with `flush()`, is
 * what `decode` makes of the same ids with `skipSpecialTokens`; only byte pieces that never become UTF-8 may differ in
 * the number of U+FFFD.
 */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecialTokens: boolean;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  #stripsSpace: boolean;

  constructor(tokenizer: Tokenizer, { skipSpecialTokens = true } = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = skipSpecialTokens;
    this.#stripsSpace = tokenizer.format.stripsFirstSpace;
  }

  /** What token `id` adds to the text, often nothing. @throws HyperfitError ERR_TOKENIZER for an id outside the vocabulary */
  push(id: number): string {
    const bytes = this.#tokenizer.tokenBytes(id);
    if (this.#skipSpecialTokens && this.#tokenizer.isSpecial(id)) return '';
    return this.#strip(this.#utf8.decode(bytes, { stream: true }));
  }

  /** What was held back, with U+FFFD for the unfinished. The decoder is then as new. */
  flush(): string {
    const rest = this.#strip(this.#utf8.decode());
    this.#stripsSpace = this.#tokenizer.format.stripsFirstSpace;
    return rest;
  }

  #strip(text: string): string {
    if (!this.#stripsSpace || text === '') return text;
    this.#stripsSpace = false;
    return text.startsWith(' ') ? text.slice(1) : text;
  }
}
