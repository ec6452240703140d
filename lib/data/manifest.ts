import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import type { Sequence } from './sequences.ts';

/** What exactly was trained on, so that two runs can be seen to share their data. Plain JSON. */
export interface DataManifest {
  /** Of this form; a higher one may have more. */
  schemaVersion: 1;
  /** SHA-256 over the samples' hashes, in order: equal when and only when all ids, what of them is learnt, and their order are. */
  sha256: string;
  /** How many tokens there are. */
  tokens: number;
  /** Place, length and hash of each. */
  samples: { source: string; offset: number; length: number; sha256: string; targetsSha256?: string }[];
}

/**
 * What sequences were used: their places, lengths and SHA-256, and one over all of them.
 *
 * @example
 * const { sha256, tokens } = makeManifest(sequences);
 * console.log(sha256, tokens); // the same hash for two runs that train on the same
 */
export function makeManifest(sequences: readonly Sequence[]): DataManifest {
  const samples = sequences.map(({ ids, targets, source, offset }) => ({
    source,
    offset,
    length: ids.length,
    sha256: hashIds(ids),
    ...(targets === undefined ? {} : { targetsSha256: hashIds(targets) }),
  }));
  const whole = createHash('sha256');
  for (const { sha256, targetsSha256 } of samples)
    whole.update(targetsSha256 === undefined ? `${sha256}\n` : `${sha256} ${targetsSha256}\n`);
  return { schemaVersion: 1, sha256: whole.digest('hex'), tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0), samples };
}

/**
 * SHA-256, in hexadecimal, of the ids as little-endian 32-bit integers.
 *
 * @example
 * hashIds(Int32Array.of(1, 2, 3)).slice(0, 12); // 4636993d3e1d
 */
export function hashIds(ids: Int32Array): string {
  const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  return createHash('sha256')
    .update(endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32())
    .digest('hex');
}
