import { createHash } from 'node:crypto';
import { LocalFile } from './byte-source.ts';
import { WheelFiles } from './wheel-files.ts';

/** What a pin says of a wheel; sizes in bytes. */
export interface WheelDescription {
  /** sha256 of its RECORD, in base64url as RECORD itself writes digests. */
  record: string;
  /** For each list of patterns: what ranges have to bring, and what it is unpacked; null where none matches. */
  uses: ({ download: number; disk: number } | null)[];
}

/** For scripts/pin-libtorch.mjs. @throws ZipError */
export async function describeWheel(path: string, keeps: readonly (readonly string[])[]): Promise<WheelDescription> {
  const source = new LocalFile(path);
  const whole = await WheelFiles.open(source, ['*']);
  const uses = keeps.map(async (keep) => {
    const files = keep.length === 0 ? null : await WheelFiles.open(source, keep);
    const download = files?.stretches.reduce((sum, { start, end }) => sum + end - start, 0) ?? 0;
    return files === null ? null : { download: download + Math.min(1 << 20, source.bytes), disk: files.unpackedBytes };
  });
  return { record: createHash('sha256').update(whole.readRecord()).digest('base64url'), uses: await Promise.all(uses) };
}
