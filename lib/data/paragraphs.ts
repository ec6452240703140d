/**
 * Where the paragraphs of a text start, ascending positions in it; the first is 0. Blank lines part them; where there are none,
 * as in a text of a line a paragraph or in verse, every line counts as one.
 */
export function findParagraphStarts(text: string): number[] {
  const lines: number[] = [];
  const paragraphs: number[] = [];
  let isAfterBlank = false;
  let isAfterText = false;
  for (let at = 0; at < text.length;) {
    const end = endOfLine(text, at);
    if (isBlank(text, at, end)) isAfterBlank = true;
    else {
      if (isAfterText) (isAfterBlank ? paragraphs : lines).push(at);
      isAfterText = true;
      isAfterBlank = false;
    }
    at = end + 1;
  }
  return [0, ...(paragraphs.length > 0 ? paragraphs : lines)];
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

function isBlank(text: string, start: number, end: number): boolean {
  return text.slice(start, end).trim() === '';
}

/** The lines of each paragraph, without white space at their ends. Blank lines part paragraphs; empty ones are left out. */
export function splitParagraphs(text: string): string[][] {
  return text
    .split(/\n[^\S\n]*\n\s*/)
    .map((paragraph) =>
      paragraph
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    )
    .filter((lines) => lines.length > 0);
}

/** A text whose paragraphs are lines: those of a hard-wrapped one are joined by a space, and one blank line stands between two. */
export function unwrapText(text: string): string {
  return splitParagraphs(text)
    .map((lines) => lines.reduce((joined, line) => `${joined}${needsSpace(joined, line) ? ' ' : ''}${line}`))
    .join('\n\n');
}

const SPACELESS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u;

/** Chinese and Japanese write no spaces between words. */
function needsSpace(before: string, after: string): boolean {
  return !(SPACELESS.test(before.slice(-1)) && SPACELESS.test(after.slice(0, 1)));
}
