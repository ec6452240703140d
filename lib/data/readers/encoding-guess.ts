/** Names as iconv has them. */
export interface EncodingGuess {
  /** In words, for "got ...". */
  what: string;
  /** For `iconv -f`; undefined where nobody can tell. */
  name: string | undefined;
}

type Candidate = readonly [name: string, decode: (bytes: Uint8Array) => string];
const WESTERN: readonly Candidate[] = [
  ['WINDOWS-1252', decodeWindows1252],
  ['MACINTOSH', (bytes) => new TextDecoder('macintosh').decode(bytes)],
];
/** With the four letters that make up a third of what is written in them. */
const ALPHABETS: readonly (readonly [name: string, label: string, frequent: RegExp])[] = [
  ['WINDOWS-1251', 'windows-1251', /[оеаи]/g],
  ['KOI8-R', 'koi8-r', /[оеаи]/g],
  ['CP866', 'ibm866', /[оеаи]/g],
  ['ISO-8859-5', 'iso-8859-5', /[оеаи]/g],
  ['WINDOWS-1253', 'windows-1253', /[αοιε]/g],
  ['WINDOWS-1256', 'windows-1256', /[اليم]/g],
];
// Half of a third: other alphabets hit these letters by chance.
const LEAST_FREQUENT = 0.2;

/**
 * Which encoding bytes that are not UTF-8 are probably in, as far as bytes can tell: Western text has single high bytes among
 * letters, East Asian, Cyrillic, Greek and Semitic text long runs of them.
 */
export function guessEncoding(bytes: Uint8Array): EncodingGuess {
  return looksWestern(bytes) ? guessWestern(bytes) : guessOther(bytes);
}

function looksWestern(bytes: Uint8Array): boolean {
  let [high, letters, runs] = [0, 0, 0];
  let wasHigh = false;
  for (const byte of bytes) {
    const isHigh = byte >= 0x80;
    if (isHigh) high += 1;
    else if ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a) letters += 1;
    if (isHigh && !wasHigh) runs += 1;
    wasHigh = isHigh;
  }
  return high < 3 || (high < 2 * runs && high <= letters);
}

/** ISO-8859-1 and WINDOWS-1252 differ in 0x80 to 0x9F only, where the former has nothing that people write. */
function guessWestern(bytes: Uint8Array): EncodingGuess {
  const scored = WESTERN.map(([name, decode]) => ({ name, score: plausibility(decode(bytes)) }));
  const best = scored.reduce((first, second) => (second.score > first.score ? second : first));
  if (best.score < 0) return { what: 'an encoding that its bytes do not tell (CP850 is frequent in files of DOS)', name: undefined };
  if (best.name !== 'WINDOWS-1252' || bytes.some((byte) => byte >= 0x80 && byte < 0xa0))
    return { what: `probably ${best.name}`, name: best.name };
  return { what: 'probably ISO-8859-1 (LATIN1)', name: 'LATIN1' };
}

/** More is better: letters that fit into their words, quotes and dashes where such stand. */
function plausibility(text: string): number {
  let score = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) < 0x80) continue;
    score += fits(text.charAt(at - 1), text.charAt(at), text.charAt(at + 1)) ? 1 : -3;
  }
  return score;
}

function fits(before: string, letter: string, after: string): boolean {
  if (/\p{Lu}/u.test(letter)) return !/\p{Ll}/u.test(before);
  if (/\p{L}/u.test(letter)) return !/\p{Lu}/u.test(after);
  if (/[\u2018\u201c\u201e\u201a\u00ab\u2039\u00a1\u00bf]/u.test(letter)) return !/\p{L}/u.test(before);
  if (/[\u201d\u00bb\u203a]/u.test(letter)) return !/[\s]|^$/u.test(before) && !/\p{L}/u.test(after);
  if (/[\u2019\u2013\u2014\u2026\u00a0\u00ad\u00b7\u2022]/u.test(letter)) return true;
  return letter !== '\ufffd' && !/\p{Cc}/u.test(letter) && !(/\p{L}/u.test(before) && /\p{L}/u.test(after));
}

function guessOther(bytes: Uint8Array): EncodingGuess {
  const name = guessAsian(bytes) ?? guessAlphabet(bytes);
  const what = 'probably an East Asian, Cyrillic or other encoding that is not Western';
  return name === undefined ? { what, name } : { what: `${what} (${name}, by its bytes)`, name };
}

/** Kana tell Japanese, Hangul Korean; second bytes below 0x80 after a first one from 0xA1 on tell Big5 from GB 18030. */
function guessAsian(bytes: Uint8Array): string | undefined {
  for (const [name, label] of [
    ['EUC-JP', 'euc-jp'],
    ['SHIFT_JIS', 'shift_jis'],
  ] as const) {
    if (shareOf(/[\u3040-\u30ff]/gu, bytes, label) > 0.15) return name;
  }
  if (shareOf(/[\uac00-\ud7a3]/gu, bytes, 'euc-kr') > 0.8) return 'EUC-KR';
  if (shareOf(/[\u4e00-\u9fff]/gu, bytes, 'big5') > 0.6 && lowSeconds(bytes) > 0.1) return 'BIG5';
  return shareOf(/[\u4e00-\u9fff]/gu, bytes, 'gb18030') > 0.6 ? 'GB18030' : undefined;
}

/** The share of what is not ASCII that matches; 0 where the bytes are not of this encoding. */
function shareOf(pattern: RegExp, bytes: Uint8Array, label: string): number {
  const text = decodeStrictly(bytes, label)?.replace(/[\0-\x7f]/g, '');
  return text === undefined || text === '' ? 0 : (text.match(pattern)?.length ?? 0) / text.length;
}

/** A sample may end within a character. */
function decodeStrictly(bytes: Uint8Array, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

function lowSeconds(bytes: Uint8Array): number {
  let [pairs, low] = [0, 0];
  for (let at = 0; at + 1 < bytes.length; at += 1) {
    if (bytes[at]! < 0xa1) continue;
    pairs += 1;
    at += 1;
    if (bytes[at]! < 0x80) low += 1;
  }
  return pairs === 0 ? 0 : low / pairs;
}

function guessAlphabet(bytes: Uint8Array): string | undefined {
  // Hebrew has no capitals, and fewer letters than Cyrillic, which stand in the same places.
  if (bytes.every((byte) => byte < 0xc0 || (byte >= 0xe0 && byte <= 0xfa)))
    return shareOf(/[א-ת]/g, bytes, 'windows-1255') > 0.9 ? 'WINDOWS-1255' : undefined;
  const scored = ALPHABETS.map(([name, label, frequent]) => ({ name, share: shareOf(frequent, bytes, label) }));
  const best = scored.reduce((first, second) => (second.share > first.share ? second : first));
  return best.share > LEAST_FREQUENT ? best.name : undefined;
}

// What 0x80 to 0x9F are, where ISO-8859-1 has control characters; U+FFFD for the five that are nothing.
const WINDOWS_1252 =
  '\u20ac\ufffd\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\ufffd\u017d\ufffd\ufffd\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\ufffd\u017e\u0178';

/** TextDecoder of Node 20 takes windows-1252 for ISO-8859-1. */
export function decodeWindows1252(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\x80-\x9f]/g, (letter) => WINDOWS_1252.charAt(letter.charCodeAt(0) - 0x80));
}
