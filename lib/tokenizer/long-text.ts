import { HyperfitError } from '../errors.ts';
import { findTokensAt, type PlacedEncoding } from './token-places.ts';

/** An encoding without special tokens around it. */
export interface PieceEncoding extends PlacedEncoding {
  getIds(): number[];
}

export interface PieceSizes {
  /** UTF-16 units encoded at once. */
  piece: number;
  /** Units that two pieces share at first. */
  overlap: number;
  /** Units that may be encoded at once where pieces do not agree. */
  most: number;
}

/** The library takes some 500 bytes of memory a token while it encodes: a book of 100 MB in one piece would take 12 GB. */
export const PIECE_SIZES: PieceSizes = { piece: 1 << 18, overlap: 1 << 12, most: 1 << 22 };

/** The usual sizes, or smaller ones where `most` units are all that may be encoded at once. */
export function piecesWithin(most: number): PieceSizes {
  const { piece, overlap } = PIECE_SIZES;
  return { piece: Math.min(piece, most), overlap, most: Math.min(PIECE_SIZES.most, most) };
}

/** Tokens in a row that two pieces must have in common where they are joined. */
const AGREEMENT = 16;

/** Tokens `from` to `to` of a piece of the text are the text's. */
interface Piece {
  start: number;
  text: string;
  encoding: PieceEncoding;
  from: number;
  to: number;
}

/**
 * The ids of a text of any length, and for each of `places` (ascending, in UTF-16 units) the first token that begins there or after it.
 * Long texts are encoded in pieces that overlap, and joined where both have the same tokens at the same places, away from their
 * ends: what a tokenizer does there depends on neither end. Where they never agree, the pieces grow, as far as `sizes` lets them.
 * @throws HyperfitError ERR_DATA for a text that cannot be cut
 */
export async function encodeLong(
  text: string,
  places: readonly number[],
  encode: (text: string) => Promise<PieceEncoding>,
  sizes = PIECE_SIZES,
): Promise<{ ids: Int32Array; tokens: Int32Array }> {
  const parts: Int32Array[] = [];
  const tokens = new Int32Array(places.length);
  let [count, placed] = [0, 0];
  for await (const { start, text: part, encoding, from, to } of encodePieces(text, encode, sizes)) {
    const isLast = start + part.length === text.length;
    for (const token of findTokensAt(placesWithin(places, placed, start, start + part.length), part, encoding)) {
      if (token >= to && !isLast) break;
      tokens[placed] = count + Math.max(token, from) - from;
      placed += 1;
    }
    parts.push(Int32Array.from(encoding.getIds()).slice(from, to));
    count += to - from;
  }
  return { ids: joinParts(parts, count), tokens };
}

function placesWithin(places: readonly number[], from: number, start: number, end: number): number[] {
  const within: number[] = [];
  for (let at = from; at < places.length && places[at]! <= end; at += 1) within.push(places[at]! - start);
  return within;
}

function joinParts(parts: readonly Int32Array[], count: number): Int32Array {
  const ids = new Int32Array(count);
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
  }
  return ids;
}

async function* encodePieces(text: string, encode: (text: string) => Promise<PieceEncoding>, sizes: PieceSizes): AsyncGenerator<Piece> {
  let last = await encodePiece(text, 0, sizes.piece, encode);
  while (last.start + last.text.length < text.length) {
    const { next, seam } = await joinNext(text, last, encode, sizes);
    if (seam === undefined) {
      // Nothing in common: the piece grows, and what was already given out of it stays.
      const { from } = last;
      if (last.text.length >= sizes.most) refuseUncut(last, sizes);
      last = { ...(await encodePiece(text, last.start, Math.min(sizes.most, 4 * last.text.length), encode)), from };
      continue;
    }
    yield { ...last, to: seam.before };
    last = { ...next, from: seam.after };
  }
  yield last;
}

function refuseUncut({ start, text }: Piece, { most }: PieceSizes): never {
  throw new HyperfitError(
    'ERR_DATA',
    `expected a text that the tokenizer can cut within ${most} characters, got ${JSON.stringify(text.slice(0, 20))}... at ${start}, all of one piece; take such stretches out of it`,
  );
}

async function encodePiece(text: string, start: number, length: number, encode: (text: string) => Promise<PieceEncoding>): Promise<Piece> {
  const part = text.slice(start, afterPair(text, Math.min(start + length, text.length)));
  const encoding = await encode(part);
  return { start, text: part, encoding, from: 0, to: encoding.getLength() };
}

/** Not in the middle of a surrogate pair. */
function afterPair(text: string, place: number): number {
  const unit = text.charCodeAt(place);
  return unit >= 0xdc00 && unit <= 0xdfff ? place + 1 : place;
}

async function joinNext(
  text: string,
  last: Piece,
  encode: (text: string) => Promise<PieceEncoding>,
  { piece, overlap }: PieceSizes,
): Promise<{ next: Piece; seam: Seam | undefined }> {
  const end = last.start + last.text.length;
  const start = afterPair(text, end - Math.min(overlap, last.text.length >> 1));
  const next = await encodePiece(text, start, piece, encode);
  return { next, seam: findSeam(last, next, start - last.start) };
}

/** Tokens of two pieces at which both go on alike. */
interface Seam {
  before: number;
  after: number;
}

/** `shift`: where the next piece starts in the last one, UTF-16 units. */
function findSeam(last: Piece, next: Piece, shift: number): Seam | undefined {
  const shared = last.text.length - shift;
  const [from, least, most] = findTokensAt([shift, shift + (shared >> 2), shift + 3 * (shared >> 2)], last.text, last.encoding);
  const characters = Array.from(last.text.slice(0, shift)).length;
  const ids = last.encoding.getIds();
  const nextIds = next.encoding.getIds();
  const [first, end] = findTokensAt([0, shared], next.text, next.encoding);
  const placesOfNext = new Map<number, number>();
  for (let token = end! - 1; token >= first!; token -= 1) placesOfNext.set(startOf(next, token) + characters, token);
  for (let before = Math.max(1, from!, least!, last.from); before + AGREEMENT <= most!; before += 1) {
    const after = placesOfNext.get(startOf(last, before));
    if (after !== undefined && startOf(last, before) !== startOf(last, before - 1) && agree(before, after)) return { before, after };
  }
  return undefined;

  function agree(before: number, after: number): boolean {
    for (let at = 0; at < AGREEMENT; at += 1) {
      if (ids[before + at] !== nextIds[after + at] || startOf(last, before + at) !== startOf(next, after + at) + characters) return false;
    }
    return true;
  }
}

function startOf({ encoding }: Piece, token: number): number {
  return encoding.tokenToChars(token)?.[0] ?? -1;
}
