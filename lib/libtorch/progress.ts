import type { InstallEvent } from './install-event.ts';

/**
 * Writes an installation's events to `stream`: a live line on a terminal, a line per wheel elsewhere.
 *
 * @example
 * const { path } = await installLibtorch({ onProgress: installProgress() });
 */
export function installProgress(stream: NodeJS.WriteStream = process.stderr): (event: InstallEvent) => void {
  let last = 0;
  return (event) => {
    if (event.event === 'plan') stream.write(`${megabytes(event.downloadBytes)} to download, ${megabytes(event.diskBytes)} on disk\n`);
    else if (event.event === 'size') stream.write(`${event.name} ${event.version}: downloading ${megabytes(event.bytes)}\n`);
    else if (event.event === 'note') stream.write(`${event.text}\n`);
    else if (event.event === 'done') stream.write(`${clear(stream)}${event.name}: ${event.files} files, checksums right\n`);
    else if (stream.isTTY && Date.now() - last > 100) {
      last = Date.now();
      stream.write(`${clear(stream)}${event.name}: ${megabytes(event.received)} of ${megabytes(event.total)}`);
    }
  };
}

/**
 * "135 MB", in units of a million bytes.
 *
 * @example
 * megabytes(135_400_000); // 135 MB
 */
export function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1e6)} MB`;
}

function clear(stream: NodeJS.WriteStream): string {
  return stream.isTTY ? '\r\u001b[K' : '';
}
