import { startsWith } from '../tokenizer/surroundings.ts';
import type { EncodedDocument } from './encoded-document.ts';
import type { Sequence } from './sequences.ts';

/**
 * `paragraph`: a window starts where a paragraph does, or where the last one ended inside a paragraph that still holds a whole
 * window; it may run on into the next paragraphs. `consecutive`: each window starts where the last one ended.
 */
export type Windows = 'paragraph' | 'consecutive';

/** Where a window stands in a document, in tokens without the start token. */
interface Window {
  offset: number;
  length: number;
}

/**
 * The windows of a text, none of more than `sequenceLength` tokens, the start token included. A text that is shorter is one
 * short window, and so is the rest after the last of consecutive windows, so that nothing is lost there; `wholeOnly` leaves both out.
 */
export function placeWindows(document: EncodedDocument, sequenceLength: number, windows: Windows, wholeOnly = false): Window[] {
  const end = document.ids.length;
  const placed: Window[] = [];
  const paragraphs = document.paragraphStarts;
  let paragraph = 0;
  let at = 0;
  for (let length = roomAt(at, document, sequenceLength); at + length <= end && length > 0; length = roomAt(at, document, sequenceLength)) {
    placed.push({ offset: at, length });
    at += length;
    if (windows === 'consecutive') continue;
    while (paragraph < paragraphs.length && paragraphs[paragraph]! < at) paragraph += 1;
    const next = paragraphs[paragraph] ?? end;
    if (next - at < roomAt(at, document, sequenceLength)) at = next;
  }
  const isKept = !wholeOnly && (placed.length === 0 || windows === 'consecutive');
  if (!isKept || at === end) return placed;
  const last = placed.at(-1);
  // A token alone has nothing to predict: the window before it gives up one.
  if (!hasPrediction(at, document) && last !== undefined && last.length > 2) at = end - 2;
  if (last !== undefined) last.length = at - last.offset;
  if (hasPrediction(at, document)) placed.push({ offset: at, length: end - at });
  return placed;
}

/** A window begins with the start token; one that begins with it anyway does not get a second one. */
function roomAt(offset: number, document: EncodedDocument, sequenceLength: number): number {
  return sequenceLength - missingStart(offset, document).length;
}

function missingStart(offset: number, { ids, startTokens }: EncodedDocument): Int32Array {
  return startsWith(ids.subarray(offset, offset + startTokens.length), startTokens) ? NOTHING : startTokens;
}

const NOTHING = new Int32Array();

/** One token has nothing to predict. */
function hasPrediction(offset: number, document: EncodedDocument): boolean {
  const rest = document.ids.length - offset;
  return rest > 0 && rest + missingStart(offset, document).length >= 2;
}

/** The window as a sequence, start token included. */
export function takeWindow(document: EncodedDocument, { offset, length }: Window): Sequence {
  const start = missingStart(offset, document);
  const ids = new Int32Array(start.length + length);
  ids.set(start);
  ids.set(document.ids.subarray(offset, offset + length), start.length);
  return { ids, source: document.source, offset, ...(start.length === 0 ? {} : { startLength: start.length }) };
}
