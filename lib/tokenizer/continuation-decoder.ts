import { StreamDecoder, type PieceSource } from './stream-decoder.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What decoding after a prompt needs of a tokenizer. */
export type ContinuationSource = PieceSource & Pick<Tokenizer, 'vocabSize'>;

/**
 * The text that tokens add to that of a prompt: prompt and continuation are decoded together, and the text is cut where it first differs
 * from the prompt's own. So a word keeps its space in front, which many tokenizers take off the start of a text, and a character that the
 * prompt left unfinished comes whole. Ids beyond the tokenizer, which padded vocabularies have, add nothing.
 */
export class ContinuationDecoder {
  readonly #tokenizer: ContinuationSource;
  readonly #stream: StreamDecoder;
  /** The end of the prompt that its next tokens may still change. */
  readonly #unsettled: string;
  /** How much of it came again. */
  #repeated = 0;

  constructor(tokenizer: ContinuationSource, promptIds: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}) {
    this.#tokenizer = tokenizer;
    this.#stream = new StreamDecoder(tokenizer, options);
    for (const id of Array.from(promptIds)) this.#push(id);
    this.#unsettled = this.#stream.pending;
  }

  /** What token `id` adds for good, often nothing. */
  push(id: number): string {
    const text = this.#push(id);
    const cut = this.#commonWithPrompt(text);
    this.#repeated += cut;
    if (cut < text.length) this.#repeated = this.#unsettled.length;
    return text.slice(cut);
  }

  /** What is held back, as it reads if no token follows. */
  get pending(): string {
    const text = this.#stream.pending;
    return text.slice(this.#commonWithPrompt(text));
  }

  #push(id: number): string {
    return id < this.#tokenizer.vocabSize ? this.#stream.push(id) : '';
  }

  #commonWithPrompt(text: string): number {
    let count = 0;
    while (
      count < text.length &&
      this.#repeated + count < this.#unsettled.length &&
      text[count] === this.#unsettled[this.#repeated + count]
    )
      count++;
    return count;
  }
}

/** The text that `ids` add after `promptIds`; see ContinuationDecoder. */
export function decodeContinuation(
  tokenizer: ContinuationSource,
  promptIds: ArrayLike<number>,
  ids: ArrayLike<number>,
  options: { skipSpecialTokens?: boolean } = {},
): string {
  const decoder = new ContinuationDecoder(tokenizer, promptIds, options);
  const settled = Array.from(ids, (id) => decoder.push(id)).join('');
  return settled + decoder.pending;
}
