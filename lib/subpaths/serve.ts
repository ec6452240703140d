/**
 * Servers: models in the form of OpenAI's API, a run and its original side by side on a page, and the batch behind them that sequences join
 * and leave.
 * @module serve
 */
export { serveModels, type ModelServer, type ServeOptions } from '../serve/server.ts';
export type { RequestRecord } from '../serve/app.ts';
export { RunningBatch, type BatchEnd, type BatchRequest, type BatchToken } from '../generate/running-batch.ts';
export { servePlay, type PlayServer } from '../play/server.ts';
export { readPlayedRun, type PlayedRun } from '../play/played-run.ts';
export { Stage } from '../play/stage.ts';
