import { readWhole } from './data-file.ts';
import { formatBytes, refuseData } from './refusal.ts';

const MAX_ARCHIVE_BYTES = 2 ** 30;
/** What deflate makes of a byte at most; memory is taken for what an archive says of itself. */
const MOST_RATIO = 1032;

/**
 * The files of a zip archive that `isWanted`, by name, unpacked.
 * @throws HyperfitError ERR_DATA for what is no zip archive, and for one that unpacks to more than `limit` bytes (a zip bomb)
 */
export async function unzip(
  path: string,
  what: string,
  limit: number,
  isWanted: (name: string) => boolean,
): Promise<Map<string, Uint8Array>> {
  const bytes = await readWhole(path, MAX_ARCHIVE_BYTES, 'it is unpacked whole');
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === 0xd0cf11e0)
    throw refuseData(what, `${path}, an old Office document or one with a password`, 'save it anew, without a password');
  const { unzipSync } = await import('fflate');
  let total = 0;
  const filter = ({ name, size, originalSize }: { name: string; size: number; originalSize: number }): boolean => {
    if (!isWanted(name)) return false;
    if (originalSize > MOST_RATIO * size + 1024 && originalSize <= limit)
      throw refuseData(what, `${path}, which says that ${size} bytes unpack to ${originalSize}`, 'fetch or save it again');
    total += originalSize;
    if (total > limit) throw refuseData(`${what} whose text unpacks to at most ${formatBytes(limit)}`, `more in ${path}`, 'split it');
    return true;
  };
  try {
    return new Map(Object.entries(unzipSync(bytes, { filter })));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_DATA') throw cause;
    throw refuseData(what, `${path}, which does not unpack (${(cause as Error).message})`, 'fetch or save it again', cause);
  }
}
