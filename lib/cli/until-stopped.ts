import { StopSignals } from '../run/stop-signals.ts';

/**
 * Waits for SIGINT or SIGTERM. They are listened to before `begin` says that there is something to end; a second one ends the process at
 * once.
 */
export async function untilStopped(begin: () => void): Promise<void> {
  let signals: StopSignals | undefined;
  const stopped = new Promise<void>((resolve) => (signals = new StopSignals(() => resolve())));
  begin();
  await stopped;
  signals?.dispose();
}
