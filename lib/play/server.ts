import { closing, type Closing } from '../closing.ts';
import { serveLoopback } from '../loopback/server.ts';
import { playApp } from './app.ts';
import type { Stage } from './stage.ts';

/** A page under way. `close` stops listening and ends what is being written; the stage and its models stay the caller's. */
export interface PlayServer extends Closing {
  /** Of the page, on this machine alone. */
  url: string;
}

/**
 * Serves the page of a run on the loopback address; port 0 takes a free one.
 * @throws HyperfitError ERR_CONFIG when the port cannot be had
 *
 * @example
 * const played = await readPlayedRun('runs/novel');
 * using before = await Model.load(played.original);
 * using after = await Model.load('runs/novel');
 * using stage = await Stage.open(played, before, after);
 * await using page = await servePlay(stage, { port: 8080 });
 */
export async function servePlay(
  stage: Stage,
  { port = 0, onError }: { port?: number; onError?: (error: unknown) => void } = {},
): Promise<PlayServer> {
  // A text that is being written ends with its connection.
  const { url, end } = await serveLoopback((hosts) => playApp({ stage, hosts, onError }), port);
  return { url, ...closing(end) };
}
