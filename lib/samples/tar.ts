import { gunzipSync } from 'node:zlib';

const BLOCK = 512;

/** Plain files of a .tgz, by name; links, folders and what else a tar may hold are passed over. */
export function* tgzFiles(archive: Buffer, mostBytes: number): Generator<{ name: string; content: Buffer }> {
  const tar = gunzipSync(archive, { maxOutputLength: mostBytes });
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const field = (start: number, length: number): string => tar.toString('utf8', at + start, at + start + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 12).trim(), 8);
    if (!Number.isSafeInteger(size) || size < 0 || at + BLOCK + size > tar.length) throw new Error('the archive is damaged');
    const prefix = field(345, 155);
    if (['', '0'].includes(field(156, 1)))
      yield { name: prefix === '' ? field(0, 100) : `${prefix}/${field(0, 100)}`, content: tar.subarray(at + BLOCK, at + BLOCK + size) };
    at += BLOCK + BLOCK * Math.ceil(size / BLOCK);
  }
}
