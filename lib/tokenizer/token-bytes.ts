import { HyperfitError } from '../errors.ts';

/** How a tokenizer's decoder makes text of its pieces. */
export interface TokenFormat {
  kind: 'byte-level' | 'sentencepiece';
  /** Pieces like <0x0A> stand for one byte. */
  byteFallback: boolean;
}

export type DecoderPart = Readonly<Record<string, unknown>>;

/** @throws HyperfitError ERR_TOKENIZER for decoders of other kinds; `name` is the file for messages */
export function readTokenFormat(decoder: unknown, name: string): TokenFormat {
  const parts = flattenDecoder(decoder);
  const find = (type: string) => parts.find((part) => part['type'] === type);
  if (find('ByteLevel')) return { kind: 'byte-level', byteFallback: false };
  const replaces = parts.some((part) => part['type'] === 'Replace' && part['content'] === ' ');
  if (find('Metaspace') === undefined && !replaces) {
    throw new HyperfitError(
      'ERR_TOKENIZER',
      `expected a byte-level or sentencepiece-type decoder in ${name}, got ${parts.map((part) => part['type']).join(', ') || 'none'}; use a model with one of them, or work with token ids`,
    );
  }
  return { kind: 'sentencepiece', byteFallback: find('ByteFallback') !== undefined };
}

/** The parts of a decoder in their order, however they are nested. */
export function flattenDecoder(decoder: unknown): DecoderPart[] {
  if (typeof decoder !== 'object' || decoder === null) return [];
  const part = decoder as DecoderPart;
  return Array.isArray(part['decoders']) ? part['decoders'].flatMap(flattenDecoder) : [part];
}

/** GPT-2's alphabet: printable bytes stand for themselves, the others for the characters from 256 on, in order. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = makeByteAlphabet();

function makeByteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte += 1) {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    alphabet.set(String.fromCharCode(isPrintable ? byte : next), byte);
    if (!isPrintable) next += 1;
  }
  return alphabet;
}

const CHARACTER_OF_BYTE: ReadonlyMap<number, string> = new Map(Array.from(BYTE_OF_CHARACTER, ([character, byte]) => [byte, character]));

/** Pieces of which the decoder makes `bytes`: one, or of sentencepiece one a byte. */
export function piecesOfBytes(bytes: Uint8Array, { kind }: TokenFormat): string[] {
  const list = Array.from(bytes);
  if (kind === 'byte-level') return [list.map((byte) => CHARACTER_OF_BYTE.get(byte)).join('')];
  return list.map((byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
}

/** The bytes that a piece adds to a text. */
export function tokenBytes(piece: string, format: TokenFormat): Uint8Array {
  return format.kind === 'byte-level' ? byteLevelBytes(piece) : sentencePieceBytes(piece, format.byteFallback);
}

/** A piece with a character outside the alphabet (an added token) stands for itself. */
export function byteLevelBytes(piece: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of piece) {
    const byte = BYTE_OF_CHARACTER.get(character);
    if (byte === undefined) return new TextEncoder().encode(piece);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function sentencePieceBytes(piece: string, byteFallback: boolean): Uint8Array {
  const byte = byteFallback ? fallbackByte(piece) : undefined;
  return byte === undefined ? new TextEncoder().encode(piece.replaceAll('▁', ' ')) : Uint8Array.of(byte);
}

/** The byte that a piece like <0x0A> stands for. */
export function fallbackByte(piece: string): number | undefined {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)?.[1];
  return hex === undefined ? undefined : Number.parseInt(hex, 16);
}
