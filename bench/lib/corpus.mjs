// Seeded synthetic ids: Zipf-like frequencies, three sequences in ten with a passage copied from an earlier one, so that
// contexts do occur again with other continuations.
export const VOCABULARY = 49152;
export const LENGTH = 256;
const PASSAGE = 32;

/** A small seeded generator (Mulberry32): uniform in [0, 1). */
export function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Rank r with a density near 1/r: the inverse of the logarithm's distribution. */
export const zipf = (random) => Math.min(VOCABULARY - 1, Math.floor(Math.exp(random() * Math.log(VOCABULARY + 1))) - 1);

/** `size` ids, to be read as sequences of LENGTH. */
export function makeCorpus(size, random) {
  const ids = new Int32Array(size);
  for (let start = 0; start < size; start += LENGTH) {
    const end = Math.min(size, start + LENGTH);
    for (let at = start; at < end; at++) ids[at] = zipf(random);
    if (start > 0 && random() < 0.3 && end - start === LENGTH) {
      const from = Math.floor(random() * (start - PASSAGE));
      ids.copyWithin(start + Math.floor(random() * (LENGTH - PASSAGE)), from, from + PASSAGE);
    }
  }
  return ids;
}

export const sequencesOf = (ids) =>
  Array.from({ length: Math.ceil(ids.length / LENGTH) }, (_, index) => ids.subarray(index * LENGTH, (index + 1) * LENGTH));
