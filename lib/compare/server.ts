import { existsSync } from 'node:fs';
import { CallbackGuard } from '../callbacks.ts';
import { closing, type Closing } from '../closing.ts';
import { serveLoopback, type LoopbackServer } from '../loopback/server.ts';
import { AnswersFile, readAnswers } from './answers-file.ts';
import { studyApp } from './app.ts';
import type { Answer } from './answer.ts';
import type { Study } from './study.ts';

/**
 * A page under way. `close` stops listening, lets what is under way end for a moment, closes the file, and rejects with what `onAnswer`
 * threw, where it did.
 */
export interface StudyServer extends Closing {
  /** Of the page, on this machine alone. */
  url: string;
  /** Answers received by this server. */
  received: () => number;
}

/**
 * Serves a study on the loopback address and appends every answer to a JSONL file; port 0 takes a free one.
 * @throws HyperfitError ERR_CONFIG when the port cannot be had, ERR_DATA when the file cannot be written or holds answers to another study,
 *   ERR_BUSY while another server writes it
 *
 * @example
 * await using server = await serveStudy(await readStudy('study.html'), { answers: 'answers.jsonl' });
 * console.log(server.url);
 */
export async function serveStudy(
  study: Study,
  {
    port = 0,
    answers: path,
    onAnswer = () => {},
    onWarning,
  }: { port?: number; answers: string; onAnswer?: (answer: Answer) => void; onWarning?: (message: string) => void },
): Promise<StudyServer> {
  const guard = new CallbackGuard();
  const answers = existsSync(path) ? await readAnswers(path, study, onWarning) : [];
  const file = await AnswersFile.open(path);
  let received = 0;
  const append = async (answer: Answer): Promise<void> => {
    await file.append(answer);
    received += 1;
    // It is stored: whoever gave it is told so, whatever the listener does.
    guard.call(() => onAnswer(answer));
  };
  const server = await serveLoopback(
    (hosts) =>
      studyApp({
        study,
        answers,
        append,
        hosts,
        onFailure: (error) => onWarning?.(error instanceof Error ? error.message : String(error)),
      }),
    port,
  ).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  return { url: server.url, received: () => received, ...closing(() => closeServer(server, file, guard)) };
}

async function closeServer(server: LoopbackServer, file: AnswersFile, guard: CallbackGuard): Promise<void> {
  await server.close();
  await file.close();
  await guard.settle();
}
