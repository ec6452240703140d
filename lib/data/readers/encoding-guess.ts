/** Names as iconv has them. */
export interface EncodingGuess {
  /** In words, for "got ...". */
  what: string;
  /** For `iconv -f`; a placeholder where nobody can tell. */
  name: string;
}

const WESTERN: readonly [name: string, label: string][] = [['WINDOWS-1252', 'windows-1252'], ['MACINTOSH', 'macintosh']];
const CYRILLIC: readonly [name: string, label: string][] = [['WINDOWS-1251', 'windows-1251'], ['KOI8-R', 'koi8-r'], ['CP866', 'ibm866'], ['ISO-8859-5', 'iso-8859-5']];

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
    else if (/[a-z]/i.test(String.fromCharCode(byte))) letters += 1;
    if (isHigh && !wasHigh) runs += 1;
    wasHigh = isHigh;
  }
  return high < 2 * runs && high <= letters;
}

/** ISO-8859-1 and WINDOWS-1252 differ in 0x80 to 0x9F only, where the former has nothing that people write. */
function guessWestern(bytes: Uint8Array): EncodingGuess {
  const scored = WESTERN.map(([name, label]) => ({ name, score: plausibility(new TextDecoder(label).decode(bytes)) }));
  const best = scored.reduce((first, second) => (second.score > first.score ? second : first));
  const name = best.name === 'WINDOWS-1252' && !bytes.some((byte) => byte >= 0x80 && byte < 0xa0) ? 'ISO-8859-1' : best.name;
  return best.score < 0 ? { what: 'an encoding that its bytes do not tell', name: 'ENCODING' } : { what: `probably ${name}`, name };
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
  if (/\p{L}/u.test(letter)) return !(/\p{Lu}/u.test(letter) && /\p{Ll}/u.test(before));
  if (/[\u2018\u201c\u201e\u201a\u00ab\u2039\u00a1\u00bf]/u.test(letter)) return !/\p{L}/u.test(before);
  if (/[\u201d\u00bb\u203a]/u.test(letter)) return !/[\s]|^$/u.test(before) && !/\p{L}/u.test(after);
  if (/[\u2019\u2013\u2014\u2026\u00a0\u00ad\u00b7\u2022]/u.test(letter)) return true;
  return !/\p{Cc}/u.test(letter) && !(/\p{L}/u.test(before) && /\p{L}/u.test(after));
}

function guessOther(bytes: Uint8Array): EncodingGuess {
  const name = guessAsian(bytes) ?? guessCyrillic(bytes);
  const what = 'probably an East Asian, Cyrillic or other encoding that is not Western';
  return name === undefined ? { what, name: 'ENCODING' } : { what: `${what} (${name}, by its bytes)`, name };
}

/** Kana tell Japanese, Hangul Korean; second bytes below 0x80 after a first one from 0xA1 on tell Big5 from GB 18030. */
function guessAsian(bytes: Uint8Array): string | undefined {
  for (const [name, label] of [['EUC-JP', 'euc-jp'], ['SHIFT_JIS', 'shift_jis']] as const) {
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

/** Small letters are the most frequent, and words do not change from small to large. */
function guessCyrillic(bytes: Uint8Array): string | undefined {
  const scored = CYRILLIC.map(([name, label]) => ({ name, score: cyrillicScore(new TextDecoder(label).decode(bytes)) }));
  const best = scored.reduce((first, second) => (second.score > first.score ? second : first));
  return best.score > 0.5 ? best.name : undefined;
}

function cyrillicScore(text: string): number {
  const other = text.replace(/[\0-\x7f]/g, '');
  const small = other.match(/[\u0430-\u044f\u0451]/gu)?.length ?? 0;
  const turned = text.match(/[\u0430-\u044f][\u0410-\u042f]/gu)?.length ?? 0;
  return other === '' ? 0 : (small - 2 * turned) / other.length;
}
