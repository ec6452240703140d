import { splitParagraphs } from './paragraphs.ts';

/** Lines looked at; the beginning of a book tells. */
const MOST_CHARACTERS = 200_000;
const LEAST_BROKEN_LINES = 4;
/** Narrower lines are verse or a list, wider ones are paragraphs. */
const [LEAST_WIDTH, MOST_WIDTH] = [40, 200];
/** How far from the common width a line may end. */
const SLACK = 10;

/** How an item of a list, a quotation or a turn of a dialogue begins: it does not go on from the line before. */
const ITEM = /^\s*(?:[-*+\u2022>#|\u2013\u2014]|\d+[.)])\s/;

/**
 * The width at which a text is hard-wrapped, in characters, or undefined where it is not: most lines that go on in the next one
 * end near one width, as words do when they are filled into lines, and go on in the middle of a sentence. Verse begins its lines
 * with capitals and ends them anywhere; code and chats end them anywhere.
 */
export function findWrapWidth(text: string): number | undefined {
  const paragraphs = splitParagraphs(text.slice(0, MOST_CHARACTERS));
  const broken = paragraphs.flatMap((lines) => lines.slice(0, -1).map((line, at) => ({ line, next: lines[at + 1]! })));
  if (broken.length < LEAST_BROKEN_LINES) return undefined;
  const width = commonWidth(broken.map(({ line }) => line.length));
  if (width < LEAST_WIDTH || width > MOST_WIDTH) return undefined;
  const isWrapped =
    share(broken, ({ line, next }) => isFull(line, next, width)) >= 0.75 &&
    share(broken, ({ next }) => /^[\s"'“‘(*_]*\p{Lu}/u.test(next)) <= 0.6 &&
    share(broken, ({ next }) => ITEM.test(next)) <= 0.5 &&
    share(broken, ({ line }) => isProse(line)) >= 0.75;
  return isWrapped ? width : undefined;
}

/** The longest lines but for a few that hold an unbreakable word. */
function commonWidth(lengths: number[]): number {
  lengths.sort((a, b) => a - b);
  return lengths[Math.floor(0.95 * (lengths.length - 1))]!;
}

/** The next word had no room, or the line ends near the width. */
function isFull(line: string, next: string, width: number): boolean {
  const [word = ''] = next.split(/\s/, 1);
  return line.length <= width + SLACK && (line.length >= width - SLACK || line.length + 1 + word.length > width);
}

/** Words, not columns of figures. */
function isProse(line: string): boolean {
  const letters = line.match(/\p{L}/gu)?.length ?? 0;
  return letters >= 0.6 * line.length && line.split(/\s+/).length >= 4;
}

function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length / items.length;
}
