import type { Study, StudyItem } from './study.ts';

/** An item as one annotator meets it. */
export interface Presentation {
  /** What is shown. */
  item: StudyItem;
  /** Which of its texts stands on side A. */
  left: 0 | 1;
}

/**
 * The order of items and sides for one annotator, from study seed and name alone. Each item has a hash to be sorted by and one whose
 * last bit chooses the side. The page computes the same by `ORDER_SCRIPT`.
 *
 * @example
 * const [first] = presentations(await readStudy('study.html'), 'Ada');
 * console.log(first?.item.context, '| A:', first?.item.texts[first.left]);
 */
export function presentations({ seed, items }: Pick<Study, 'seed' | 'items'>, annotator: string): Presentation[] {
  const draw = (item: StudyItem, what: string): number => hashText(`${seed}|${annotator}|${item.id}|${what}`);
  const drawn = items.map((item) => ({ item, left: (draw(item, 'side') & 1) as 0 | 1, place: draw(item, 'place') }));
  return drawn.sort((a, b) => a.place - b.place || (a.item.id < b.item.id ? -1 : 1)).map(({ item, left }) => ({ item, left }));
}

/** FNV-1a over UTF-16 units, then mixed so that every bit of the input reaches the last one. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The same for the browser; a test holds the two against each other. */
export const ORDER_SCRIPT = `
function hashText(text) {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
function presentations({ seed, items }, annotator) {
  const draw = (item, what) => hashText(seed + '|' + annotator + '|' + item.id + '|' + what);
  const drawn = items.map((item) => ({ item, left: draw(item, 'side') & 1, place: draw(item, 'place') }));
  return drawn.sort((a, b) => a.place - b.place || (a.item.id < b.item.id ? -1 : 1));
}
`;
