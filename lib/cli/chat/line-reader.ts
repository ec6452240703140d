import { createInterface, type Interface } from 'node:readline';

/** What came of asking for a message. */
export type Read = { type: 'message'; text: string } | { type: 'interrupt'; hadText: boolean } | { type: 'end' };

const FENCE = '"""';
const MOST_HISTORY = 500;

/** Asks the terminal to mark what is pasted, so that its line ends are not taken for Enter. */
const PASTE_ON = '\x1b[?2004h';
const PASTE_OFF = '\x1b[?2004l';

/**
 * Messages typed at a terminal: edited, with those before at hand, of one line or several. Between two of them the terminal is as it was,
 * so that Ctrl-C is a signal.
 */
export class LineReader {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;
  readonly #complete: (line: string) => [string[], string];
  #history: string[] = [];
  /** What was typed behind a message before anybody asked for the next one: it is typed again there. */
  #ahead = '';

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream, complete: (line: string) => [string[], string]) {
    this.#input = input;
    this.#output = output;
    this.#complete = complete;
  }

  async read(prompt: string, more: string): Promise<Read> {
    const reader = createInterface({
      input: this.#input,
      output: this.#output,
      terminal: true,
      history: this.#history,
      historySize: MOST_HISTORY,
      removeHistoryDuplicates: true,
      completer: this.#complete,
      prompt,
    });
    reader.on('history', (history: string[]) => (this.#history = [...history]));
    this.#output.write(PASTE_ON);
    try {
      const ahead = this.#ahead;
      this.#ahead = '';
      return await gather(reader, { input: this.#input, more, ahead, onBehind: (line) => (this.#ahead += `${line}\n`) });
    } finally {
      this.#ahead += reader.line;
      reader.close();
      this.#output.write(PASTE_OFF);
    }
  }
}

interface Gathering {
  input: NodeJS.ReadStream;
  more: string;
  ahead: string;
  /** Told of each line that came with the last one of the message. */
  onBehind: (line: string) => void;
}

/** Lines until a message is whole. */
function gather(reader: Interface, { input, more, ahead, onBehind }: Gathering): Promise<Read> {
  return new Promise((resolve) => {
    const message = new Message();
    let [isPasting, isSettled] = [false, false];
    const onKey = (_: unknown, key: { name?: string } | undefined): void => {
      if (key?.name === 'paste-start') isPasting = true;
      if (key?.name === 'paste-end') isPasting = false;
    };
    const settle = (read: Read): void => {
      isSettled = true;
      input.off('keypress', onKey);
      resolve(read);
    };
    const take = (line: string): void => {
      message.add(line, isPasting);
      if (message.isWhole) return settle({ type: 'message', text: message.text });
      reader.setPrompt(more);
      reader.prompt();
    };
    input.on('keypress', onKey);
    reader.on('line', (line) => (isSettled ? onBehind(line) : take(line)));
    reader.on('SIGINT', () => settle({ type: 'interrupt', hadText: reader.line !== '' || !message.isEmpty }));
    reader.on('close', () => {
      if (!isSettled) settle({ type: 'end' });
    });
    reader.prompt();
    if (ahead !== '') reader.write(ahead);
  });
}

/** The lines of one message: more follow a backslash at the end, inside three quotes, and in the middle of what is pasted. */
export class Message {
  #lines: string[] = [];
  #isFenced = false;
  #isOpen = false;

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  get isWhole(): boolean {
    return !this.#isOpen && !this.#isFenced;
  }

  /** What was pasted may end in a line end that nobody meant. */
  get text(): string {
    return this.#lines.length === 1 ? this.#lines[0]! : this.#lines.join('\n').replace(/\n+$/, '');
  }

  add(line: string, isPasting = false): void {
    let rest = line;
    if (!this.#isFenced && this.#lines.length === 0 && rest.trimStart().startsWith(FENCE)) {
      this.#isFenced = true;
      rest = rest.trimStart().slice(FENCE.length);
      // Nothing behind the quotes is no line of the message.
      if (rest.trim() === '') return;
    }
    if (this.#isFenced) return this.#addFenced(rest);
    this.#isOpen = isPasting || rest.endsWith('\\');
    this.#lines.push(!isPasting && rest.endsWith('\\') ? rest.slice(0, -1) : rest);
  }

  #addFenced(line: string): void {
    const end = line.trimEnd().endsWith(FENCE);
    this.#isFenced = !end;
    const text = end ? line.trimEnd().slice(0, -FENCE.length) : line;
    if (!(end && text === '')) this.#lines.push(text);
  }
}
