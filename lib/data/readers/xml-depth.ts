import { refuseData } from './refusal.ts';

/** Documents and books have some dozens. */
const MOST_LEVELS = 1000;
const TAG = /<(\/?)[A-Za-z_][^<>]*?(\/?)>/g;

/**
 * Makes sure that elements of an XML text do not stand too deep in each other: what reads them goes down with them, and its time grows with
 * the square.
 * @throws HyperfitError ERR_DATA
 */
export function requireFlatXml(text: string, what: string, path: string): void {
  let depth = 0;
  for (const [, closing, empty] of text.matchAll(TAG)) {
    if (closing === '/') depth -= 1;
    else if (empty === '') depth += 1;
    if (depth > MOST_LEVELS)
      throw refuseData(`${what} of at most ${MOST_LEVELS} elements within each other`, `deeper ones in ${path}`, 'convert it anew');
  }
}
