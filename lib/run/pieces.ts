/** What is needed of a tokenizer here. */
export interface Decoder {
  decode(ids: Int32Array): string | Promise<string>;
}

const REPLACEMENT = '\uFFFD';

/**
 * The text that each token adds, so that the pieces joined are the text. A token that ends inside a character adds nothing; the one
 * that completes it adds it whole.
 */
export async function decodePieces(decoder: Decoder, ids: Int32Array): Promise<string[]> {
  const pieces: string[] = [];
  let shown = '';
  for (let end = 1; end <= ids.length; end++) {
    const text = await decoder.decode(ids.subarray(0, end));
    const isWhole = end === ids.length || !text.endsWith(REPLACEMENT);
    pieces.push(isWhole ? text.slice(shown.length) : '');
    if (isWhole) shown = text;
  }
  return pieces;
}
