import { HyperfitError } from '../../errors.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { encodePrompt, findSurroundings, joinIds } from '../../tokenizer/surroundings.ts';

/** Of a model, what talking to it needs. */
export interface ChatModel {
  readonly chatTemplate: string | undefined;
  readonly config: { readonly maxPositionEmbeddings: number };
  requireTokenizer(): Tokenizer;
  encodeChat(messages: readonly ChatMessage[]): Promise<Int32Array>;
}

interface Turn {
  said: string;
  answer: string | undefined;
}

/** What the model is to read next. */
export interface ChatPrompt {
  ids: Int32Array;
  /** As asked for, or what the model's context leaves of it. */
  maxNewTokens: number;
  /** Said once, when more than before is too long to be read. */
  note: string | undefined;
}

/** Of the context, what is kept free for an answer, at most. */
const ANSWER_SHARE = 1 / 4;

/**
 * What was said and answered so far. A model with a chat template gets messages; any other one a text that it continues, to which each line
 * adds a paragraph.
 */
export class Conversation {
  readonly #model: ChatModel;
  system: string | undefined;
  #turns: Turn[] = [];
  /** Turns, or tokens of a text, that no longer fit into the context. */
  #leftOut = 0;

  constructor(model: ChatModel, system?: string) {
    this.#model = model;
    this.system = system;
  }

  get continuesText(): boolean {
    return this.#model.chatTemplate === undefined;
  }

  get length(): number {
    return this.#turns.length;
  }

  say(said: string): void {
    this.#turns.push({ said, answer: undefined });
  }

  hear(answer: string): void {
    this.#turns.at(-1)!.answer = answer;
  }

  /** Forgets the last turn, and tells what had been said. */
  takeBack(): string | undefined {
    return this.#turns.pop()?.said;
  }

  reset(): void {
    this.#turns = [];
    this.#leftOut = 0;
  }

  /** A line of data that `train --data` reads; undefined while nothing was answered. */
  document(): { messages: ChatMessage[] } | { text: string } | undefined {
    const turns = this.#turns.filter(({ answer }) => answer !== undefined);
    if (turns.length === 0) return undefined;
    return this.continuesText ? { text: textOf(turns) } : { messages: this.#messages(turns) };
  }

  /**
   * The ids of all that fits: of a dialogue the oldest turns go first, of a text its beginning.
   * @throws HyperfitError ERR_DATA for a message that is too long by itself, for nothing to continue, and for what the template refuses
   */
  async prompt(maxNewTokens: number): Promise<ChatPrompt> {
    const limit = this.#model.config.maxPositionEmbeddings;
    const room = limit - Math.min(maxNewTokens, Math.max(1, Math.floor(limit * ANSWER_SHARE)));
    const before = this.#leftOut;
    const ids = this.continuesText ? await this.#textIds(room) : await this.#chatIds(room);
    return {
      ids,
      maxNewTokens: Math.min(maxNewTokens, limit - ids.length),
      note: this.#leftOut > before ? this.#leftOutNote(limit) : undefined,
    };
  }

  async #chatIds(room: number): Promise<Int32Array> {
    for (;;) {
      const ids = await this.#model.encodeChat(this.#messages(this.#turns.slice(this.#leftOut)));
      if (ids.length <= room) return ids;
      if (this.#leftOut >= this.#turns.length - 1) {
        throw new HyperfitError(
          'ERR_DATA',
          `expected a message of at most ${room} tokens with all that stands around it, got ${ids.length}; say it in fewer words${this.system === undefined ? '' : ', or shorten the system text'}`,
        );
      }
      this.#leftOut += 1;
    }
  }

  async #textIds(room: number): Promise<Int32Array> {
    const tokenizer = this.#model.requireTokenizer();
    const ids = await encodePrompt(textOf(this.#turns), tokenizer);
    if (ids.length === 0) throw new HyperfitError('ERR_DATA', 'expected the beginning of a text, got nothing; type some words');
    if (ids.length <= room) return ids;
    const { start } = await findSurroundings(tokenizer);
    const kept = Math.max(1, room - start.length);
    this.#leftOut = ids.length - kept;
    return joinIds(start, ids.slice(-kept));
  }

  #messages(turns: readonly Turn[]): ChatMessage[] {
    const system = this.system === undefined ? [] : [{ role: 'system', content: this.system }];
    return [
      ...system,
      ...turns.flatMap(({ said, answer }) => [
        { role: 'user', content: said },
        ...(answer === undefined ? [] : [{ role: 'assistant', content: answer }]),
      ]),
    ];
  }

  #leftOutNote(limit: number): string {
    const what = this.continuesText
      ? `the first ${this.#leftOut} tokens of the text are`
      : this.#leftOut === 1
        ? 'the first exchange is'
        : `the first ${this.#leftOut} exchanges are`;
    return `the model reads ${limit} tokens at most: ${what} left out from here on; /reset starts afresh`;
  }
}

/** A line begins a paragraph, unless it begins with a space: then it goes on where the text stands. */
function textOf(turns: readonly Turn[]): string {
  return turns.reduce((text, { said, answer = '' }) => {
    const isJoined = text === '' || said === '' || said.startsWith(' ');
    return `${text}${isJoined ? '' : '\n\n'}${said}${answer}`;
  }, '');
}
