import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { SIGNAL_EXIT_CODES, StopSignals } from '../../run/stop-signals.ts';
import type { Output } from '../output.ts';
import { parseCommand, runCommand } from './commands.ts';
import type { Answer, ChatSession } from './session.ts';

/**
 * A turn for each line, without prompts: answers go to stdout when they are whole, with `json` as a line each. The result is the exit code.
 * @throws HyperfitError for the first line that cannot be answered: there is nobody to say it to
 */
export async function chatFromPipe(session: ChatSession, input: Readable, output: Output): Promise<number> {
  const stop = new AbortController();
  const lines = createInterface({ input, crlfDelay: Infinity });
  const signals = new StopSignals(() => {
    stop.abort();
    lines.close();
  });
  let turn = 0;
  try {
    for await (const line of lines) {
      if (stop.signal.aborted) break;
      const { said, leave } = await saidBy(session, line, output);
      if (leave === true) break;
      if (said === undefined || (said.trim() === '' && !session.continuesText)) continue;
      turn += 1;
      const answers = await session.answer(said, { signal: stop.signal, onNote: (message) => output.warn(message) });
      write(output, turn, said, answers);
    }
  } finally {
    lines.close();
    signals.dispose();
  }
  return signals.received === undefined ? 0 : SIGNAL_EXIT_CODES[signals.received];
}

/** What a line says; undefined where it was a command. */
async function saidBy(
  session: ChatSession,
  line: string,
  output: Output,
): Promise<{ said?: string | undefined; leave?: true | undefined }> {
  const command = parseCommand(line);
  if (command === undefined) return { said: line.replace(/^\/\//, '/') };
  const { say, ask, leave } = await runCommand(session, command);
  if (say !== undefined) output.log(say);
  return { said: ask, leave };
}

function write(output: Output, turn: number, user: string, answers: readonly Answer[]): void {
  const document = {
    schemaVersion: 1,
    turn,
    user,
    answers: answers.map(({ seconds, ...answer }) => ({ ...answer, seconds: Math.round(seconds * 1000) / 1000 })),
  };
  output.result(document, () => (answers.length === 1 ? answers[0]!.text : answers.map(({ name, text }) => `${name}: ${text}`).join('\n')));
}
