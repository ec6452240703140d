import { SIGNAL_EXIT_CODES, StopSignals } from '../run/stop-signals.ts';

/** Does `work`, whose signal the first SIGINT or SIGTERM raises: what it has begun is cleared away, and the exit code is the signal's. */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const signals = new StopSignals(() => stop.abort());
  try {
    await work(stop.signal);
  } catch (error) {
    if (signals.received === undefined) throw error;
    process.exitCode = SIGNAL_EXIT_CODES[signals.received];
  } finally {
    signals.dispose();
  }
}
