import { formatBytes, refuseData } from './refusal.ts';

// Below what one string can hold (2^29 characters), with room for what is parsed from it.
export const MAX_LINE_LENGTH = 2 ** 28;

export interface Line {
  text: string;
  /** From 1. */
  number: number;
}

/**
 * The lines of a text that comes in pieces, parted by \n, \r\n or \r and by nothing else (U+2028 may stand within JSON strings).
 * @throws HyperfitError ERR_DATA for a line longer than `limit` characters
 */
export async function* splitLines(pieces: AsyncIterable<string>, path: string, limit = MAX_LINE_LENGTH): AsyncGenerator<Line> {
  let number = 1;
  let begun: string[] = [];
  let length = 0;
  let endedInReturn = false;
  for await (const piece of pieces) {
    let at = endedInReturn && piece.startsWith('\n') ? 1 : 0;
    endedInReturn = piece.endsWith('\r');
    for (let end = findBreak(piece, at); end !== -1; end = findBreak(piece, at)) {
      begun.push(piece.slice(at, end));
      yield { text: begun.join(''), number };
      number += 1;
      begun = [];
      length = 0;
      at = piece.startsWith('\r\n', end) ? end + 2 : end + 1;
    }
    begun.push(piece.slice(at));
    length += piece.length - at;
    if (length > limit) throw refuseData(`lines of at most ${formatBytes(limit)}`, `a longer one, line ${number} of ${path}`, 'split it');
  }
  if (length > 0) yield { text: begun.join(''), number };
}

const BREAK = /[\n\r]/g;

function findBreak(text: string, from: number): number {
  BREAK.lastIndex = from;
  return BREAK.test(text) ? BREAK.lastIndex - 1 : -1;
}
