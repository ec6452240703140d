/** The text of a special token, which is not shown, and where in the shown text it stood. */
export interface HiddenText {
  at: number;
  text: string;
}

/** The end of a shown text, from character `from` on, with the hidden texts in it. */
interface Window {
  shown: string;
  from: number;
  hidden: readonly HiddenText[];
}

/**
 * Where in the shown text the first of `stopStrings` begins that occurs in it with or without the hidden texts; undefined for none.
 */
export function findStopString(window: Window, stopStrings: readonly string[]): number | undefined {
  const { text, toShown } = withHidden(window);
  const plain = window.shown.slice(window.from);
  const places = stopStrings.flatMap((stop) => [
    ...(plain.includes(stop) ? [window.from + plain.indexOf(stop)] : []),
    ...(text.includes(stop) ? [toShown(text.indexOf(stop))] : []),
  ]);
  return places.length === 0 ? undefined : Math.min(...places);
}

/** From which character of the shown text on its end may be the beginning of a stop string. */
export function heldFrom(window: Window, stopStrings: readonly string[]): number {
  const { text, toShown } = withHidden(window);
  const plain = window.shown.slice(window.from);
  return Math.min(toShown(text.length - countHeld(text, stopStrings)), window.from + plain.length - countHeld(plain, stopStrings));
}

/** How many characters at the end of `text` may be the beginning of a stop string. */
function countHeld(text: string, stopStrings: readonly string[]): number {
  const longest = Math.max(0, ...stopStrings.map((stop) => stop.length - 1));
  for (let count = Math.min(longest, text.length); count > 0; count--) {
    if (stopStrings.some((stop) => stop.startsWith(text.slice(-count)))) return count;
  }
  return 0;
}

function withHidden({ shown, from, hidden }: Window): { text: string; toShown: (at: number) => number } {
  const inside = hidden.filter(({ at }) => at >= from && at <= shown.length);
  let text = '';
  let shownTo = from;
  const spans: { start: number; end: number }[] = [];
  for (const { at, text: special } of inside) {
    text += shown.slice(shownTo, at);
    spans.push({ start: text.length, end: text.length + special.length });
    text += special;
    shownTo = Math.max(shownTo, at);
  }
  text += shown.slice(shownTo);
  const toShown = (place: number): number =>
    from + place - spans.reduce((sum, { start, end }) => sum + Math.max(0, Math.min(place, end) - start), 0);
  return { text, toShown };
}
