export interface Column {
  title: string;
  text: string;
}

const GAP = ' | ';

/** Texts in columns of equal width, wrapped at words; control characters become spaces. */
export function renderSideBySide(columns: readonly Column[], totalWidth: number): string {
  const width = Math.max(20, Math.floor((totalWidth - GAP.length * (columns.length - 1)) / columns.length));
  const wrapped = columns.map(({ title, text }) => [...wrap(title, width), '-'.repeat(width), ...wrap(text, width)]);
  const height = Math.max(...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) =>
    wrapped
      .map((lines) => padTo(lines[row] ?? '', width))
      .join(GAP)
      .trimEnd(),
  ).join('\n');
}

/** Lines of at most `width` characters, broken at spaces; what stands in all but the last stays as it is when the text grows. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .split(' ')
    .flatMap((long) => cut(long, width))) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** A word longer than a line, such as a run of underscores, in pieces. */
function cut(word: string, width: number): string[] {
  const letters = [...word];
  return Array.from({ length: Math.max(1, Math.ceil(letters.length / width)) }, (_, index) =>
    letters.slice(index * width, (index + 1) * width).join(''),
  );
}

const lengthOf = (text: string): number => [...text].length;
const padTo = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - lengthOf(text)));
