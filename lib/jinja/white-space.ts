/** White space as Python's `str.isspace` and expressions have it; JavaScript's own class differs (U+FEFF, U+001C to U+001F, U+0085). */
export const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';

const IS_SPACE = new RegExp(SPACE);

export function isSpace(character: string): boolean {
  return IS_SPACE.test(character);
}

/** Character by character: a regular expression for the end of a text takes quadratic time. */
export function trimEndSpace(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}

export function trimStartSpace(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text[start]!)) start += 1;
  return text.slice(start);
}
