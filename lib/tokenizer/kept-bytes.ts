import { isUtf8 } from 'node:buffer';

/** Where a byte that is no UTF-8 stands in a string: a lone surrogate from U+DC80 on, as Python's `surrogateescape` has it. */
const FIRST_KEPT = 0xdc00;
const LONGEST_CHARACTER = 4;

/** The text of `bytes`. Bytes that are no UTF-8 are kept as lone surrogates, so that `bytesOf` gives them back. */
export function textKeepingBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd') || isUtf8(bytes)) return text;
  let kept = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    kept += length === 0 ? String.fromCharCode(FIRST_KEPT + bytes[at]!) : bytes.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return kept;
}

/** How many bytes the character at `at` has; 0 for none. */
function characterLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= LONGEST_CHARACTER && at + length <= bytes.length; length += 1) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

/** Whether `text` stands for bytes that are no UTF-8. */
export function hasKeptBytes(text: string): boolean {
  return /(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/.test(text);
}

/** The bytes that `textKeepingBytes` made `text` of. */
export function bytesOf(text: string): Uint8Array {
  if (!hasKeptBytes(text)) return new TextEncoder().encode(text);
  return Buffer.concat(
    Array.from(text, (character) => {
      const code = character.charCodeAt(0);
      return character.length === 1 && code >= FIRST_KEPT + 0x80 && code <= FIRST_KEPT + 0xff
        ? Buffer.of(code - FIRST_KEPT)
        : Buffer.from(character);
    }),
  );
}
