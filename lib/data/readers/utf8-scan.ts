/** What stands in bytes that are not all UTF-8. */
export interface Utf8Scan {
  /** Characters of two bytes and more. */
  good: number;
  /** Bytes of no character. */
  bad: number;
  firstBad: number;
  /** The only faults are halves of surrogate pairs, which some programs write by themselves. */
  isHalf: boolean;
  /** The only fault is a character that the end cuts off. */
  isCut: boolean;
}

export function scanUtf8(bytes: Uint8Array): Utf8Scan {
  const scan: Utf8Scan = { good: 0, bad: 0, firstBad: -1, isHalf: false, isCut: false };
  let halves = 0;
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    if (length > 1) scan.good += 1;
    if (length === 0) {
      if (scan.firstBad === -1) scan.firstBad = at;
      scan.bad += 1;
      if (isHalf(bytes, at)) halves += 1;
    }
    at += Math.max(length, 1);
  }
  scan.isCut = scan.bad > 0 && scan.firstBad === bytes.length - scan.bad && scan.bad <= 3 && isBegun(bytes.subarray(scan.firstBad));
  scan.isHalf = scan.bad > 0 && scan.bad === 3 * halves;
  return scan;
}

/** Bytes of the character at `at`; 0 for none. Overlong forms, surrogates and what lies beyond Unicode are none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = lengthOf(first);
  if (length === 0 || at + length > bytes.length || !isSecond(first, bytes[at + 1]!)) return 0;
  for (let next = 2; next < length; next += 1) if (bytes[at + next]! >> 6 !== 2) return 0;
  return length;
}

function lengthOf(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

function isSecond(first: number, second: number): boolean {
  if (second >> 6 !== 2) return false;
  if (first === 0xe0) return second >= 0xa0;
  if (first === 0xed) return second < 0xa0;
  if (first === 0xf0) return second >= 0x90;
  return first !== 0xf4 || second < 0x90;
}

function isHalf(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xed && bytes[at + 1]! >= 0xa0 && bytes[at + 1]! < 0xc0 && bytes[at + 2]! >> 6 === 2;
}

function isBegun(bytes: Uint8Array): boolean {
  const [first, ...others] = bytes;
  return lengthOf(first!) > bytes.length && others.every((byte) => byte >> 6 === 2);
}
