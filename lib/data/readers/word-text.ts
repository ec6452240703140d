/** An element of the library's tree; which fields there are depends on the type. */
export interface WordElement {
  type: string;
  children?: WordElement[];
  value?: string;
  breakType?: string;
  styleName?: string | null;
  numbering?: { isOrdered: boolean; level: string } | null;
  noteType?: string;
  noteId?: string;
  body?: WordElement[];
  notes?: { resolve(reference: WordElement): WordElement | null };
}

interface Block {
  text: string;
  isItem: boolean;
}

/** One empty paragraph in so many, and the writer parts by them. */
const PARTED_BY_EMPTY = 10;

/**
 * The text of a document: a blank line between paragraphs, line breaks and tabs as they stand, items of lists on lines of their own,
 * footnotes marked [1] and listed at the end. Where empty paragraphs part the others, as of verse with a paragraph a line, each paragraph
 * is one line instead and the empty ones are the blank lines.
 */
export function renderWordDocument(document: WordElement): string {
  const notes: WordElement[] = [];
  const blocks = toBlocks(document.children ?? [], notes);
  const isLines = blocks.filter(({ text }) => text.trim() === '').length * PARTED_BY_EMPTY >= blocks.length;
  const parts = isLines ? blocks.map(({ text }) => text).join('\n') : joinBlocks(blocks);
  const listed = notes.map((note, index) => `[${index + 1}] ${renderNote(note, document)}`);
  return [parts.replace(/^\n+|\n+$/g, ''), ...listed].join('\n\n');
}

function joinBlocks(blocks: readonly Block[]): string {
  const filled = blocks.filter(({ text }) => text.trim() !== '');
  return filled
    .map(({ text, isItem }, index) => `${index === 0 ? '' : isItem && filled[index - 1]!.isItem ? '\n' : '\n\n'}${text}`)
    .join('');
}

function toBlocks(elements: readonly WordElement[], notes: WordElement[]): Block[] {
  const counts = new Map<number, number>();
  return elements.flatMap((element): Block[] => {
    if (element.type === 'table') return [{ text: renderTable(element, notes), isItem: false }];
    if (element.type !== 'paragraph') return [];
    const marker = nextMarker(element, counts);
    return [{ text: marker + renderInline(element, notes), isItem: marker !== '' }];
  });
}

/** Headings are numbered by their style, and read better without. */
function nextMarker({ numbering, styleName }: WordElement, counts: Map<number, number>): string {
  if (numbering === undefined || numbering === null || /^heading/i.test(styleName ?? '')) {
    counts.clear();
    return '';
  }
  const level = Number(numbering.level);
  for (const deeper of [...counts.keys()]) if (deeper > level) counts.delete(deeper);
  const count = (counts.get(level) ?? 0) + 1;
  counts.set(level, count);
  return `${'  '.repeat(level)}${numbering.isOrdered ? `${count}.` : '-'} `;
}

function renderInline(element: WordElement, notes: WordElement[]): string {
  switch (element.type) {
    case 'text':
      return element.value ?? '';
    case 'tab':
      return '\t';
    case 'break':
      return element.breakType === 'line' ? '\n' : '';
    case 'noteReference':
      return `[${notes.push(element)}]`;
    default:
      return (element.children ?? []).map((child) => renderInline(child, notes)).join('');
  }
}

/** A row a line, its cells parted by tabs. */
function renderTable(table: WordElement, notes: WordElement[]): string {
  const cell = ({ children = [] }: WordElement): string =>
    toBlocks(children, notes)
      .map(({ text }) => text)
      .join(' ');
  return (table.children ?? []).map(({ children = [] }) => children.map(cell).join('\t')).join('\n');
}

function renderNote(reference: WordElement, document: WordElement): string {
  const body = document.notes?.resolve(reference)?.body ?? [];
  return joinBlocks(toBlocks(body, [])).trim();
}
