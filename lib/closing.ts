/**
 * What closes while others wait for it: `await using server = await serveModels(models)` closes at the end of the block, on an error too.
 */
export interface Closing extends AsyncDisposable {
  /** Idempotent: further calls wait for the first. */
  close: () => Promise<void>;
  /** As `close`, called by `await using`. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** `close`, called once however often it is asked for. */
export function closing(close: () => Promise<void>): Closing {
  let closed: Promise<void> | undefined;
  const once = (): Promise<void> => (closed ??= close());
  return { close: once, [Symbol.asyncDispose]: once };
}
