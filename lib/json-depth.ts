/** What is nested deeper cannot be written again, and no file of a model or of data is. */
export const MOST_LEVELS = 500;
/** A shorter text is parsed in no time, however deep. */
const SHORT = 10_000;

const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const OPENING = new Set(['{', '['].map((sign) => sign.charCodeAt(0)));
const CLOSING = new Set(['}', ']'].map((sign) => sign.charCodeAt(0)));

/**
 * Whether objects and lists in `text` stand more than 500 deep in each other. It need not be JSON: a million brackets take seconds to
 * parse.
 */
export function isNestedTooDeep(text: string): boolean {
  if (text.length < SHORT) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = findStringEnd(text, at) - 1;
    else if (OPENING.has(code)) depth += 1;
    else if (CLOSING.has(code)) depth -= 1;
    if (depth > MOST_LEVELS) return true;
  }
  return false;
}

/** Where the string that opens at `start` is over: after its closing quote. */
export function findStringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 0) return end + 1;
  }
  return text.length;
}
