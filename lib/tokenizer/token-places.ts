/** What an encoding of the `tokenizers` library says of where its tokens stand, in characters (code points) of the text. */
export interface PlacedEncoding {
  getLength(): number;
  tokenToChars(token: number): [number, number] | null | undefined;
}

/**
 * For each place in a text (ascending, in UTF-16 units) the first token that begins there or after it. The library is asked for
 * a few tokens of each place, not for all: a list of lists for a whole book would take more memory than all else.
 */
export function findTokensAt(places: readonly number[], text: string, encoding: PlacedEncoding): Int32Array {
  const characters = toCharacters(places, text);
  const length = encoding.getLength();
  let from = 0;
  return Int32Array.from(characters, (character) => {
    from = firstTokenAt(character, from, length, encoding);
    return from;
  });
}

/** Doubles its stride until it has gone too far, then halves: places are near each other. */
function firstTokenAt(character: number, from: number, length: number, encoding: PlacedEncoding): number {
  const beginsBefore = (token: number): boolean => (encoding.tokenToChars(token)?.[0] ?? 0) < character;
  let low = from;
  let stride = 1;
  while (low + stride < length && beginsBefore(low + stride)) {
    low += stride;
    stride *= 2;
  }
  let high = Math.min(length, low + stride);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (beginsBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** UTF-16 positions as counts of code points. */
function toCharacters(places: readonly number[], text: string): Int32Array {
  let at = 0;
  let count = 0;
  return Int32Array.from(places, (place) => {
    while (at < place) {
      at += text.codePointAt(at)! > 0xffff ? 2 : 1;
      count += 1;
    }
    return count;
  });
}
