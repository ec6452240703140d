/**
 * The paragraphs of a text: blank lines part them, the lines of a hard-wrapped one are joined by a space, and white space at the
 * ends of lines goes. Empty paragraphs are left out.
 */
export function splitParagraphs(text: string): string[] {
  return text
    .split(/\n[^\S\n]*\n\s*/)
    .map(joinLines)
    .filter((paragraph) => paragraph !== '');
}

function joinLines(paragraph: string): string {
  return paragraph
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
}
