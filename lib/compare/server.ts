import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { serve, type ServerType } from '@hono/node-server';
import { CallbackGuard } from '../callbacks.ts';
import { closing, type Closing } from '../closing.ts';
import { HyperfitError } from '../errors.ts';
import { AnswersFile, readAnswers } from './answers-file.ts';
import { studyApp } from './app.ts';
import type { Answer } from './answer.ts';
import type { Study } from './study.ts';

const ADDRESS = '127.0.0.1';

/** A page under way. `close` stops listening, lets what is under way end, closes the file, and rejects with what `onAnswer` threw, where it did. */
export interface StudyServer extends Closing {
  /** Of the page, on this machine alone. */
  url: string;
  /** Answers received by this server. */
  received: () => number;
}

/**
 * Serves a study on the loopback address and appends every answer to a JSONL file; port 0 takes a free one. Throws ERR_CONFIG when the port
 * cannot be had, ERR_DATA when the file cannot be written or holds answers to another study.
 */
export async function serveStudy(study: Study, { port = 0, answers: path, onAnswer = () => {}, onWarning }: { port?: number; answers: string; onAnswer?: (answer: Answer) => void; onWarning?: (message: string) => void }): Promise<StudyServer> {
  const guard = new CallbackGuard();
  const answers = existsSync(path) ? await readAnswers(path, study, onWarning) : [];
  const file = await AnswersFile.open(path);
  let received = 0;
  let hosts: string[] = [];
  const append = async (answer: Answer): Promise<void> => {
    await file.append(answer);
    received += 1;
    // It is stored: whoever gave it is told so, whatever the listener does.
    guard.call(() => onAnswer(answer));
  };
  const app = studyApp({ study, answers, append, hosts: () => hosts });
  const { server, port: bound } = await listen(app.fetch, port).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  // Browsers leave out the port of http.
  hosts = [ADDRESS, 'localhost'].map((name) => (bound === 80 ? name : `${name}:${bound}`));
  return { url: `http://${ADDRESS}:${bound}/`, received: () => received, ...closing(() => closeServer(server, file, guard)) };
}

function listen(fetch: (request: Request) => Response | Promise<Response>, port: number): Promise<{ server: ServerType; port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: ADDRESS }, (info: AddressInfo) => resolve({ server, port: info.port }));
    server.on('error', (cause: NodeJS.ErrnoException) => reject(new HyperfitError('ERR_CONFIG', `expected a free port for \`port\`, got ${port}: ${cause.message}; 0 takes any free one`, { cause })));
  });
}

async function closeServer(server: ServerType, file: AnswersFile, guard: CallbackGuard): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Kept-alive connections without a request would hold the server open.
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  await closed;
  await file.close();
  await guard.settle();
}
