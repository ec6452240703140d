import { formatSize } from '../hub/bytes.ts';
import type { FetchEvent } from '../hub/fetch-scope.ts';

/** Between lines where there is no terminal, milliseconds. */
const LINE_INTERVAL = 5000;
const REDRAW_INTERVAL = 100;

/** Says on stderr how fetching goes on: a line that is drawn anew on a terminal, a line now and then elsewhere. */
export class FetchView {
  isQuiet = false;
  readonly #stream: NodeJS.WriteStream;
  #shownAt = 0;
  #isDrawn = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(event: FetchEvent): void {
    if (this.isQuiet) return;
    if (event.type === 'progress') return this.#progress(event);
    this.clear();
    this.#stream.write(`${describe(event)}\n`);
    this.#shownAt = Date.now();
  }

  clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\x1b[2K');
    this.#isDrawn = false;
  }

  #progress({ name, received, bytes }: Extract<FetchEvent, { type: 'progress' }>): void {
    const isLive = this.#stream.isTTY === true && process.env['TERM'] !== 'dumb';
    if (Date.now() - this.#shownAt < (isLive ? REDRAW_INTERVAL : LINE_INTERVAL)) return;
    this.#shownAt = Date.now();
    const line = `${name}: ${formatSize(received)} of ${formatSize(bytes)} (${Math.floor((100 * received) / Math.max(1, bytes))} %)`;
    this.#stream.write(isLive ? `\r\x1b[2K${line.slice(0, (this.#stream.columns || 80) - 1)}` : `${line}\n`);
    this.#isDrawn = isLive;
  }
}

function describe(event: Exclude<FetchEvent, { type: 'progress' }>): string {
  switch (event.type) {
    case 'start':
      return `fetching ${event.name}: ${formatSize(event.bytes)} in ${event.files} ${event.files === 1 ? 'file' : 'files'}, into ${event.folder}`;
    case 'note':
      return `${event.name}: ${event.message}`;
    case 'done':
      return `${event.name}: ${formatSize(event.bytes)} fetched, hashes right`;
  }
}
