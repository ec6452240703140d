import { StreamDecoder } from '../tokenizer/stream-decoder.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

const LEAST = -9999;

/** A log-probability as JSON can hold it: -9999 stands for none, as with OpenAI. */
export function finite(logProb: number): number {
  return Number.isFinite(logProb) ? logProb : LEAST;
}

/** The bytes of a token; none for ids beyond the tokenizer, which padded vocabularies have. */
export function bytesOf(tokenizer: Tokenizer, id: number): number[] {
  return id < tokenizer.vocabSize ? [...tokenizer.tokenBytes(id)] : [];
}

/** A token as text; where its bytes are no whole character `bytes:\xe2\x80`, as with OpenAI. */
export function textOf(tokenizer: Tokenizer, id: number): string {
  const bytes = Uint8Array.from(bytesOf(tokenizer, id));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}

/** Where the text of each token begins in `text`, the text of all of them. A start token that is no part of that text takes no place. */
export function offsetsOf(tokenizer: Tokenizer, ids: Int32Array, text: string): number[] {
  const whole = placesOf(tokenizer, ids, false);
  return whole.length === text.length ? whole.places : placesOf(tokenizer, ids, true).places;
}

function placesOf(tokenizer: Tokenizer, ids: Int32Array, skipSpecialTokens: boolean): { places: number[]; length: number } {
  const decoder = new StreamDecoder(tokenizer, { skipSpecialTokens });
  let settled = 0;
  const places = Array.from(ids, (id) => {
    const place = settled + decoder.pending.length;
    settled += id < tokenizer.vocabSize ? decoder.push(id).length : 0;
    return place;
  });
  return { places, length: settled + decoder.pending.length };
}
