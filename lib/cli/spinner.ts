const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Between frames, milliseconds. */
const INTERVAL = 90;

interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Whether a line there may be drawn over: a terminal that is watched by a person. */
export function isLive(stream: Stream, environment: NodeJS.ProcessEnv = process.env): boolean {
  const isCi = environment['CI'] !== undefined && environment['CI'] !== '' && environment['CI'] !== 'false';
  return stream.isTTY === true && !isCi && environment['TERM'] !== 'dumb';
}

/** Says what is being waited for, turning, on a terminal; elsewhere nothing. */
export class Spinner {
  readonly #stream: Stream;
  readonly #isLive: boolean;
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #frame = 0;
  #since = 0;

  constructor(stream: Stream, live = isLive(stream)) {
    this.#stream = stream;
    this.#isLive = live;
  }

  say(text: string): void {
    this.#text = text;
    this.#since = performance.now();
    if (!this.#isLive) return;
    this.#timer ??= setInterval(() => this.#draw(), INTERVAL);
    this.#timer.unref();
    this.#draw();
  }

  /** Takes its line away. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stream.write('\r\x1b[2K');
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const seconds = Math.floor((performance.now() - this.#since) / 1000);
    const line = `${FRAMES[this.#frame]!} ${this.#text}${seconds === 0 ? '' : ` (${seconds} s)`}`;
    this.#stream.write(`\r\x1b[2K${line.slice(0, Math.max(20, (this.#stream.columns || 80) - 1))}`);
  }
}

/** Works with a spinner that is gone afterwards, whatever comes of it. */
export async function whileSpinning<T>(spinner: Spinner, text: string, work: () => Promise<T>): Promise<T> {
  spinner.say(text);
  try {
    return await work();
  } finally {
    spinner.stop();
  }
}
