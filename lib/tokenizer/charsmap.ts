import { refuseTokenizer } from './refuse-tokenizer.ts';

/** Real ones have some 60,000. */
const MOST_UNITS = 1 << 20;
const UNIT_BYTES = 4;

/** What is known of a table of replacements. */
export interface Charsmap {
  /** Characters of the longest replacement, at least 1. */
  longest: number;
}

/**
 * Goes through the table of replacements that sentencepiece writes: a double array of characters, then the texts that they become, each
 * ended by a zero byte. The library follows it wherever it points, and ends the process where that is outside.
 * @param base64 as it stands in tokenizer.json
 * @throws HyperfitError ERR_TOKENIZER for what is no base64, and for a table that leads outside of itself
 */
export function readCharsmap(base64: unknown, name: string): Charsmap {
  const refuse = (got: string): never =>
    refuseTokenizer(name, 'a `precompiled_charsmap` as sentencepiece writes it', got, 'fetch the file again');
  const bytes = typeof base64 === 'string' ? Buffer.from(base64, 'base64') : refuse(base64 === null ? 'null' : typeof base64);
  // The library ends the process at what is no base64, where Node passes over it.
  if (bytes.toString('base64') !== base64) refuse('characters that are no base64');
  const size = bytes.length < UNIT_BYTES ? 0 : bytes.readUInt32LE(0);
  if (size < UNIT_BYTES || size % UNIT_BYTES !== 0 || size > bytes.length - UNIT_BYTES || size > MOST_UNITS * UNIT_BYTES)
    refuse(`a table of ${size} bytes`);
  const units = Uint32Array.from({ length: size / UNIT_BYTES }, (_, index) => bytes.readUInt32LE(UNIT_BYTES * (1 + index)));
  const texts = bytes.subarray(UNIT_BYTES + size);
  let longest = 1;
  for (const value of valuesOf(units, refuse)) {
    if (value > texts.length || isInsideCharacter(texts[value])) refuse(`text at byte ${value} of ${texts.length}`);
    const end = texts.indexOf(0, value);
    longest = Math.max(longest, texts.subarray(value, end === -1 ? texts.length : end).toString('utf8').length);
  }
  return { longest };
}

function isInsideCharacter(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80 && byte < 0xc0;
}

/** Where the texts begin that the double array leads to. */
function* valuesOf(units: Uint32Array, refuse: (got: string) => never): Generator<number> {
  const open = [offsetOf(units[0]!)];
  const seen = new Set(open);
  for (let base = open.pop(); base !== undefined; base = open.pop()) {
    for (let byte = 1; byte <= 0xff; byte += 1) {
      const unit = units[base ^ byte] ?? refuse(`a table of ${units.length} entries that leads to entry ${base ^ byte}`);
      if (labelOf(unit) !== byte) continue;
      const next = (base ^ byte ^ offsetOf(unit)) >>> 0;
      if (hasValue(unit)) yield valueOf(units[next] ?? refuse(`a table of ${units.length} entries that leads to entry ${next}`));
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
  }
}

/** The bits of Darts's double array. */
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;
const offsetOf = (unit: number): number => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
const hasValue = (unit: number): boolean => (unit & 0x100) !== 0;
const valueOf = (unit: number): number => unit & 0x7fffffff;
