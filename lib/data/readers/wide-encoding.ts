/** UTF-16 or UTF-32 by a byte-order mark. */
export function findMark(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  if (start === '\xff\xfe\0\0') return 'UTF-32LE';
  if (start === '\0\0\xfe\xff') return 'UTF-32BE';
  if (start.startsWith('\xff\xfe')) return 'UTF-16LE';
  return start.startsWith('\xfe\xff') ? 'UTF-16BE' : undefined;
}

/**
 * UTF-16 or UTF-32 without a mark, of bytes among which there are NULs: the upper byte of a letter is one of few, those of the alphabets in
 * use, while the lower one is any.
 */
export function findWide(bytes: Uint8Array): string | undefined {
  const share = (from: number, step: number, test: (byte: number) => boolean): number => {
    let [count, passed] = [0, 0];
    for (let at = from; at < bytes.length; at += step) {
      count += 1;
      if (test(bytes[at]!)) passed += 1;
    }
    return count === 0 ? 0 : passed / count;
  };
  const isNul = (byte: number): boolean => byte === 0;
  if (share(3, 4, isNul) > 0.9 && share(2, 4, isNul) > 0.9 && share(0, 4, isNul) < 0.5) return 'UTF-32LE';
  if (share(0, 4, isNul) > 0.9 && share(1, 4, isNul) > 0.9 && share(3, 4, isNul) < 0.5) return 'UTF-32BE';
  const [even, odd] = [share(0, 2, isUpper), share(1, 2, isUpper)];
  const [evenNuls, oddNuls] = [share(0, 2, isNul), share(1, 2, isNul)];
  if ((oddNuls > 0.5 && evenNuls < 0.05) || (odd > 0.9 && even < 0.7 && oddNuls > evenNuls)) return 'UTF-16LE';
  return (evenNuls > 0.5 && oddNuls < 0.05) || (even > 0.9 && odd < 0.7 && evenNuls > oddNuls) ? 'UTF-16BE' : undefined;
}

/** Latin, Greek, Cyrillic, Hebrew, Arabic, Indic, punctuation, kana, Han, Hangul, wide forms. */
function isUpper(byte: number): boolean {
  return (
    byte <= 0x0e ||
    byte === 0x1e ||
    byte === 0x20 ||
    byte === 0x21 ||
    byte === 0x30 ||
    (byte >= 0x4e && byte <= 0x9f) ||
    (byte >= 0xac && byte <= 0xd7) ||
    byte === 0xff
  );
}
