/**
 * The seed of one sequence: FNV-1a over the user's seed and the context's ids, cut to 53 bits. It depends on neither the
 * batch nor the place in it.
 */
export function sequenceSeed(seed: number, promptIds: Int32Array): number {
  let hash = 0xcbf29ce484222325n;
  for (const word of [seed % 2 ** 32, Math.floor(seed / 2 ** 32), ...promptIds]) {
    hash = ((hash ^ BigInt(word >>> 0)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return Number(hash >> 11n);
}
