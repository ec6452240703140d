import { refuseData } from './refusal.ts';

/** What begins so is passed over up to its end. */
const PASSED: readonly (readonly [start: string, end: string])[] = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
];
const DOCTYPE = /<!DOCTYPE[^<>[\]]*>/y;
const CLOSING = /<\/[^\s<>"'=/]+\s*>/y;
const OPENING = /<[^\s<>"'=/!?]+(?:\s+[^\s<>"'=/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*\/?>/y;

/**
 * Makes sure, in one pass, that every tag, comment and instruction of an XML text ends and is written as it should be: the parser of Word
 * documents takes the square of the time for what is not, and refuses it afterwards all the same.
 * @throws HyperfitError ERR_DATA
 */
export function requireStrictXml(text: string, what: string, path: string): void {
  for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', at)) {
    const end = endOfMarkup(text, at);
    if (end === undefined)
      throw refuseData(
        what,
        `${path}, which cannot be read (its markup is broken at ${JSON.stringify(text.slice(at, at + 40))})`,
        'open it in Word or LibreOffice and save it again',
      );
    at = end;
  }
}

function endOfMarkup(text: string, at: number): number | undefined {
  for (const [start, end] of PASSED) {
    if (!text.startsWith(start, at)) continue;
    const found = text.indexOf(end, at + start.length);
    return found === -1 ? undefined : found + end.length;
  }
  for (const form of [OPENING, CLOSING, DOCTYPE]) {
    form.lastIndex = at;
    if (form.test(text)) return form.lastIndex;
  }
  return undefined;
}
