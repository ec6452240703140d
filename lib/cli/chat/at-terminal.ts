import { isHyperfitError } from '../../errors.ts';
import { nameFlags } from '../name-flags.ts';
import { styledOutput, type Output } from '../output.ts';
import { Spinner } from '../spinner.ts';
import { completeCommand, parseCommand, runCommand, type Outcome } from './commands.ts';
import { LineReader } from './line-reader.ts';
import { makeScreen } from './screen.ts';
import type { ChatSession } from './session.ts';

const INTERRUPTED = 130;

/** Talks with a person at a terminal until they leave; the result is the exit code. */
export async function chatAtTerminal(session: ChatSession, output: Output, flags: readonly string[]): Promise<number> {
  const chat = new TerminalChat(session, output, flags);
  return chat.run();
}

class TerminalChat {
  readonly #session: ChatSession;
  readonly #output: Output;
  readonly #flags: readonly string[];
  readonly #reader = new LineReader(process.stdin, process.stdout, completeCommand);
  /** Ctrl-C in a row, with nothing said between. */
  #interrupts = 0;
  /** Of the answer under way. */
  #stop: AbortController | undefined;

  constructor(session: ChatSession, output: Output, flags: readonly string[]) {
    this.#session = session;
    this.#output = output;
    this.#flags = flags;
  }

  /** While a line is edited Ctrl-C is a key; at any other time a signal, which must never end the program in the middle of something. */
  async run(): Promise<number> {
    const onSignal = (): void => {
      if (this.#interrupt()) process.exit(INTERRUPTED);
    };
    process.on('SIGINT', onSignal);
    try {
      return await this.#talk();
    } finally {
      process.off('SIGINT', onSignal);
    }
  }

  async #talk(): Promise<number> {
    for (;;) {
      const read = await this.#reader.read(styledOutput('bold', '> '), styledOutput('dim', '… '));
      if (read.type === 'end') process.stdout.write('\n');
      if (read.type === 'end') return 0;
      if (read.type === 'interrupt') {
        process.stdout.write('\n');
        if (read.hadText) this.#interrupts = 0;
        else if (this.#interrupt()) return INTERRUPTED;
        continue;
      }
      this.#interrupts = 0;
      if ((await this.#take(read.text)).leave === true) return 0;
    }
  }

  /** The first Ctrl-C ends the answer where it stands, or says how to leave; true for the second. */
  #interrupt(): boolean {
    this.#interrupts += 1;
    if (this.#interrupts > 1) return true;
    if (this.#stop === undefined) this.#say('Ctrl-C once more leaves, and so do Ctrl-D and /exit');
    else this.#stop.abort();
    return false;
  }

  /** A mistake of whoever types is said, and the talk goes on. */
  async #take(line: string): Promise<Outcome> {
    try {
      const command = parseCommand(line);
      if (command === undefined) return await this.#answer(line.replace(/^\/\//, '/'));
      const outcome = await runCommand(this.#session, command);
      if (outcome.say !== undefined) this.#say(outcome.say);
      return outcome.ask === undefined ? outcome : await this.#answer(outcome.ask);
    } catch (error) {
      if (!isHyperfitError(error)) throw error;
      this.#output.warn(nameFlags(error.message, this.#flags).replaceAll(/`--([a-z-]+)`/g, '`/$1`'));
      return {};
    }
  }

  async #answer(said: string): Promise<Outcome> {
    if (said.trim() === '' && !this.#session.continuesText) return {};
    const spinner = new Spinner(process.stderr);
    this.#stop = new AbortController();
    try {
      await this.#show(said, this.#stop.signal, spinner);
    } finally {
      spinner.stop();
      this.#stop = undefined;
    }
    return {};
  }

  async #show(said: string, signal: AbortSignal, spinner: Spinner): Promise<void> {
    const names = this.#session.speakers.map(({ name }) => name);
    const screen = makeScreen(names, process.stdout, process.stdout.columns || 80);
    spinner.say('reading');
    const answers = await this.#session.answer(said, {
      signal,
      onEvent: (event) => {
        spinner.stop();
        screen.show(event);
      },
      onNote: (message) => {
        spinner.stop();
        this.#say(message);
      },
    });
    screen.end(answers);
  }

  #say(text: string): void {
    process.stdout.write(`${styledOutput('dim', text)}\n`);
  }
}
