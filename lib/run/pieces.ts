import { ContinuationDecoder, type ContinuationSource } from '../tokenizer/continuation-decoder.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** What is needed of a tokenizer here. */
export type Decoder = ContinuationSource & Pick<Tokenizer, 'decode' | 'decodeContinuation'>;

/**
 * The text that each token adds after those `before`; special tokens show. A token that ends inside a character adds nothing; the one that
 * completes it adds it whole. Ids beyond the tokenizer, which padded vocabularies have, add nothing.
 */
export function decodePieces(decoder: ContinuationSource, ids: ArrayLike<number>, before: ArrayLike<number> = []): string[] {
  const stream = new ContinuationDecoder(decoder, before, { skipSpecialTokens: false });
  let settled = '';
  const ends = Array.from(ids, (id) => {
    settled += stream.push(id);
    return { settled: settled.length, pending: stream.pending };
  });
  const text = settled + stream.pending;
  let start = 0;
  // What a token left pending counts as far as it stays as it was: of an unfinished character nothing, of bytes that are none one U+FFFD
  // each.
  return ends.map(({ settled: place, pending }, index) => {
    const end =
      index === ends.length - 1 ? text.length : Math.max(start, place + countCommon(pending, text.slice(place, place + pending.length)));
    const piece = text.slice(start, end);
    start = end;
    return piece;
  });
}

function countCommon(left: string, right: string): number {
  let count = 0;
  while (count < right.length && left[count] === right[count]) count++;
  return count;
}
