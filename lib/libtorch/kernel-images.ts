import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/**
 * What npm packs is packed better than gzip does it: machine code for six kinds of card repeats itself at distances beyond gzip's window.
 */
export const PACKED_SUFFIX = '.br';

/**
 * The compiled kernels of a packed file, 5 MB; undefined where the file is not packed, so that whoever needs it reads it, or is damaged, so
 * that whoever reads it says so.
 */
export function unpackKernels(path: string): Uint8Array | undefined {
  if (!path.endsWith(PACKED_SUFFIX)) return undefined;
  try {
    return brotliDecompressSync(readFileSync(path));
  } catch {
    return undefined;
  }
}
