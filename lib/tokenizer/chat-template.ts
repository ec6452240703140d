import { runInNewContext } from 'node:vm';
import { Template } from '@huggingface/jinja';
import { HyperfitError } from '../errors.ts';

/** One turn of a dialogue; templates read whatever else they know, such as `tool_calls`. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, or what else the template knows. */
  role: string;
  content: string;
  [key: string]: unknown;
}

export interface RenderChatOptions {
  /** Ends with what precedes an answer of the assistant. Default true, as for decoding. */
  addGenerationPrompt?: boolean;
}

const MAX_TEMPLATE_LENGTH = 1_000_000;
// A loop inside a loop over a long range must not stop the process for good.
const RENDER_MILLISECONDS = 10_000;

/** A model's chat template: Jinja, run by a small interpreter that reaches nothing but its arguments. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #specialTokens: Readonly<Record<string, unknown>>;
  readonly #name: string;
  readonly #milliseconds: number;

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

  /**
   * The text of a dialogue, as transformers' apply_chat_template(tokenize=False) renders it.
   * @throws HyperfitError ERR_DATA for messages of another form, and for those that the template refuses
   */
  render(messages: readonly ChatMessage[], { addGenerationPrompt = true }: RenderChatOptions = {}): string {
    checkMessages(messages);
    // transformers passes `tools` and `documents` as none.
    const values = { ...this.#specialTokens, messages, tools: null, documents: null, add_generation_prompt: addGenerationPrompt };
    try {
      return withinTime(() => this.#template.render(values), this.#milliseconds);
    } catch (cause) {
      throw new HyperfitError('ERR_DATA', `expected messages that the chat template of ${this.#name} takes, got its refusal: ${(cause as Error).message}; change their roles or order`, { cause });
    }
  }
}

function parse(source: string, name: string): Template {
  try {
    if (source.length > MAX_TEMPLATE_LENGTH) throw new Error(`${source.length} characters, more than ${MAX_TEMPLATE_LENGTH}`);
    return new Template(source);
  } catch (cause) {
    throw new HyperfitError('ERR_TOKENIZER', `expected a Jinja chat template in ${name}, got one that does not parse (${(cause as Error).message}); correct it, or give rendered text`, { cause });
  }
}

function withinTime(render: () => string, timeout: number): string {
  return runInNewContext('render()', { render }, { timeout }) as string;
}

function checkMessages(messages: readonly ChatMessage[]): void {
  const problem = findMessageProblem(messages);
  if (problem !== undefined) throw new HyperfitError('ERR_DATA', `expected {"role", "content"} objects for \`messages\`, got ${problem}; correct them`);
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
  const { role, content } = value as Record<string, unknown>;
  return typeof role === 'string' && role !== '' && typeof content === 'string';
}

/** `chat_template` of a tokenizer_config.json: a text, or a list of named ones of which `default` is meant. */
export function configuredTemplate(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const named = Array.isArray(value) ? (value as ({ name?: unknown; template?: unknown } | null)[]) : [];
  const chosen = named.find((each) => each?.name === 'default')?.template;
  return typeof chosen === 'string' ? chosen : undefined;
}
