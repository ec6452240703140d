// Everything set-up says goes to stderr, so that stdout stays free for what is being set up.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));

export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/** A set-up step that cannot go on: the message is for people, no stack is wanted. */
export class SetupError extends Error {}

/** Runs `main` and ends the process with its status, or with 1 and the reason in one line. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    const plain = error instanceof SetupError || typeof error?.code === 'string';
    process.stderr.write(`${plain ? `error: ${error.message}` : error.stack}\n`);
    process.exitCode = 1;
  }
}
