import type { TokenEvent } from '../generate/generation.ts';
import { SIGNAL_EXIT_CODES, StopSignals } from '../run/stop-signals.ts';

/** Where a text is written as it comes. */
interface Screen {
  write(text: string): unknown;
}

/**
 * Writes a continuation as its tokens come, and a line end after it. Ctrl-C ends it where it stands: what was written stays.
 * @returns the exit code
 */
export async function writeLive(open: (signal: AbortSignal) => AsyncIterable<TokenEvent>, screen: Screen): Promise<number> {
  const stop = new AbortController();
  const signals = new StopSignals(() => stop.abort());
  try {
    for await (const { text } of open(stop.signal)) screen.write(text);
  } catch (error) {
    if (signals.received === undefined) throw error;
  } finally {
    screen.write('\n');
    signals.dispose();
  }
  return signals.received === undefined ? 0 : SIGNAL_EXIT_CODES[signals.received];
}
