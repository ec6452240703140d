import { createContext, Script } from 'node:vm';
import { HyperfitError } from '../errors.ts';
import { Template, type Rendering } from '../jinja/template.ts';

/** One turn of a dialogue; templates read whatever else they know, such as `tool_calls`. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, or what else the template knows. */
  role: string;
  /** Null for an answer that is nothing but `tool_calls`. */
  content: string | null;
  [key: string]: unknown;
}

/** Of chat templates, as in transformers' apply_chat_template. */
export interface RenderChatOptions {
  /** Ends with what precedes an answer of the assistant. Default true, as for decoding. */
  addGenerationPrompt?: boolean;
  /** The functions that the assistant may call, as JSON schemas. */
  tools?: readonly unknown[] | undefined;
  /** What else the template reads, such as `{ enable_thinking: false }`; over its special tokens. */
  chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined;
  /** The time for templates that write the date; default the tokenizer's `chatDate`, else the present. */
  now?: Date | undefined;
}

export type { Rendering };

const MAX_TEMPLATE_LENGTH = 1_000_000;
// A loop inside a loop over a long range must not stop the process for good.
const RENDER_MILLISECONDS = 10_000;

/** A model's chat template: Jinja, run by an interpreter that reaches nothing but its arguments. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #specialTokens: Readonly<Record<string, unknown>>;
  readonly #name: string;
  readonly #milliseconds: number;
  #readsClock = false;

  /**
   * `specialTokens` are the names that templates use (`bos_token`, ...); `name` is the file for messages; `milliseconds` is
   * how long a rendering may take.
   * @throws HyperfitError ERR_TOKENIZER for a template that does not parse
   */
  constructor(source: string, specialTokens: Readonly<Record<string, unknown>>, name: string, milliseconds = RENDER_MILLISECONDS) {
    this.#template = parse(source, name);
    this.#specialTokens = specialTokens;
    this.#name = name;
    this.#milliseconds = milliseconds;
  }

  /** Whether a rendering has asked for the time so far. */
  get readsClock(): boolean {
    return this.#readsClock;
  }

  /**
   * The text of a dialogue, as transformers' apply_chat_template(tokenize=False) renders it.
   * @throws HyperfitError ERR_DATA for messages of another form, and for those that the template refuses
   */
  render(messages: readonly ChatMessage[], options: RenderChatOptions = {}): string {
    return this.track(messages, options).text;
  }

  /** The text of a dialogue, and where each of its messages stands in it. Throws as `render`. */
  track(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Rendering {
    checkMessages(messages);
    const values = this.#values(messages, options);
    const clock = (): Date => {
      this.#readsClock = true;
      return options.now ?? new Date();
    };
    try {
      return withinTime(() => this.#template.render(values, clock), this.#milliseconds);
    } catch (cause) {
      const refusal = (cause as Error).message;
      const expected = `expected messages that the chat template of ${this.#name} takes`;
      const message = `${expected}, got its refusal: ${refusal}; change their roles or order`;
      throw new HyperfitError('ERR_DATA', message, { cause });
    }
  }

  /** transformers passes `tools` and `documents` as none. */
  #values(
    messages: readonly ChatMessage[],
    { addGenerationPrompt = true, tools, chatTemplateKwargs }: RenderChatOptions,
  ): Record<string, unknown> {
    // Only training reads a weight.
    const bare = messages.map(({ weight: _, ...message }) => message);
    const given = { messages: bare, tools: tools ?? null, documents: null, add_generation_prompt: addGenerationPrompt };
    return { ...this.#specialTokens, ...given, ...chatTemplateKwargs };
  }
}

function parse(source: string, name: string): Template {
  try {
    if (source.length > MAX_TEMPLATE_LENGTH) throw new Error(`${source.length} characters, more than ${MAX_TEMPLATE_LENGTH}`);
    return new Template(source);
  } catch (cause) {
    const got = `one that does not parse (${(cause as Error).message})`;
    const message = `expected a Jinja chat template in ${name}, got ${got}; correct it, or give rendered text`;
    throw new HyperfitError('ERR_TOKENIZER', message, { cause });
  }
}

const SCRIPT = new Script('render()');
/** Only `vm` can stop a loop from outside; making it anew for each rendering would take longer than to render. */
const sandbox: { render?: () => unknown } = createContext({});

function withinTime<T>(render: () => T, timeout: number): T {
  sandbox.render = render;
  try {
    return SCRIPT.runInContext(sandbox as object as ReturnType<typeof createContext>, { timeout }) as T;
  } finally {
    delete sandbox.render;
  }
}

function checkMessages(messages: readonly ChatMessage[]): void {
  const problem = findMessageProblem(messages);
  if (problem !== undefined) {
    throw new HyperfitError('ERR_DATA', `expected {"role", "content"} objects for \`messages\`, got ${problem}; correct them`);
  }
}

/** What is wrong with a list of messages, in words; undefined for nothing. */
export function findMessageProblem(messages: unknown): string | undefined {
  if (!Array.isArray(messages)) return '"messages" is not a list';
  if (messages.length === 0) return '"messages" is empty';
  const bad = messages.findIndex((message) => !isMessage(message));
  return bad === -1 ? undefined : `"messages"[${bad}] has no "role" and "content" of text`;
}

function isMessage(value: unknown): value is ChatMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { role, content, tool_calls: calls } = value as Record<string, unknown>;
  const isCall = content === null && calls !== undefined;
  return typeof role === 'string' && role !== '' && (typeof content === 'string' || isCall);
}

/** `chat_template` of a tokenizer_config.json: a text, or a list of named ones of which `default` is meant. */
export function configuredTemplate(value: unknown): string | undefined {
  return typeof value === 'string' ? value : namedTemplate(value, 'default');
}

/** Of a list of named templates, one; transformers takes `tool_use` when there are tools. */
export function namedTemplate(value: unknown, name: 'default' | 'tool_use'): string | undefined {
  const named = Array.isArray(value) ? (value as ({ name?: unknown; template?: unknown } | null)[]) : [];
  const chosen = named.find((each) => each?.name === name)?.template;
  return typeof chosen === 'string' ? chosen : undefined;
}
