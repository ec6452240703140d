import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** What is needed of a tokenizer here. */
export type Decoder = Pick<Tokenizer, 'decode' | 'tokenBytes' | 'vocabSize'>;

/**
 * The text that each token adds. A token that ends inside a character adds nothing; the one that completes it adds it whole. Ids
 * beyond the tokenizer, which padded vocabularies have, add nothing.
 */
export function decodePieces(decoder: Decoder, ids: Int32Array): string[] {
  const stream = new TextDecoder('utf-8', { ignoreBOM: true });
  const pieces = Array.from(ids, (id) => (id < decoder.vocabSize ? stream.decode(decoder.tokenBytes(id), { stream: true }) : ''));
  const rest = stream.decode();
  return rest === '' ? pieces : [...pieces.slice(0, -1), `${pieces.at(-1) ?? ''}${rest}`];
}
