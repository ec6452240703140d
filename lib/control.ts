import type { Control } from './addon-types.ts';

/**
 * Runs native work that can be cancelled: an aborted `signal` raises the flag that C++ reads between layers and tokens,
 * and the promise then rejects with `signal.reason`, as every other AbortSignal API does.
 */
export async function withControl<T>(signal: AbortSignal | undefined, rows: number, run: (control: Control) => Promise<T>): Promise<T> {
  signal?.throwIfAborted();
  const control = new Int32Array(1 + rows);
  const raise = () => cancel(control);
  signal?.addEventListener('abort', raise, { once: true });
  try {
    return await run(control);
  } catch (error) {
    if ((error as { code?: unknown } | null | undefined)?.code === 'ABORTED' && signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener('abort', raise);
  }
}

/** Ends one row of a running generation; the others go on. With `raised` false the row may be used again. */
export function endRow(control: Control, row: number, raised = true): void {
  Atomics.store(control, 1 + row, raised ? 1 : 0);
}

/** Ends all that runs under `control`, as an abort does. */
export function cancel(control: Control): void {
  Atomics.store(control, 0, 1);
}
