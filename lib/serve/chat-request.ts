import { isHyperfitError } from '../errors.ts';
import type { ChatMessage, RenderChatOptions } from '../tokenizer/chat-template.ts';
import { shown } from '../generate/check-ids.ts';
import { invalid } from './api-error.ts';
import { readMessages } from './chat-messages.ts';
import { sequenceRequests } from './completion-request.ts';
import type { Fields } from './fields.ts';
import { readSampling, readStreaming } from './sampling.ts';
import type { SequenceRequest } from './sequence.ts';
import type { ServedModel } from './served-model.ts';

export interface ChatRequest {
  promptIds: Int32Array;
  /** How many alternatives to tell of each token; undefined for no log-probabilities. */
  logprobs: number | undefined;
  stream: boolean;
  includeUsage: boolean;
  /** One a choice. */
  sequences: SequenceRequest[];
}

const MOST_LOGPROBS = 20; // OpenAI's

/**
 * A body of POST /v1/chat/completions.
 * @throws ApiError, HyperfitError naming what is wrong; 400 for a model without a chat template, and for tools that its template does not
 * write
 */
export async function readChatRequest(fields: Fields, served: ServedModel, defaultTemperature: number): Promise<ChatRequest> {
  const messages = readMessages(fields.value('messages'));
  const options = { tools: readTools(fields), chatTemplateKwargs: readTemplateArguments(fields) };
  const given = fields.whole('max_completion_tokens', { least: 1 }) ?? fields.whole('max_tokens', { least: 1 });
  fields.ignore('max_tokens', 'parallel_tool_calls', 'reasoning_effort', 'verbosity');
  const logprobs = readLogprobs(fields);
  const sampling = readSampling(fields, defaultTemperature);
  const streaming = readStreaming(fields);
  fields.unsupported('response_format', (value) => (value as { type?: unknown }).type === 'text', 'ask for the form in the messages');
  for (const name of ['functions', 'function_call'])
    fields.unsupported(name, () => false, 'it is not supported; give `tools`, and read the call out of the text');
  for (const name of ['modalities', 'audio', 'prediction', 'web_search_options'])
    fields.unsupported(name, isText, 'hyperfit serves text alone');
  fields.requireAllRead();
  const promptIds = await encode(served, messages, options);
  // Without a limit an answer may fill the context.
  served.requireFit(promptIds, given ?? 1, 'messages');
  const maxTokens = given ?? served.maxContext - promptIds.length;
  return {
    promptIds,
    logprobs,
    ...streaming,
    sequences: sequenceRequests(promptIds, served, sampling, { maxTokens, logprobs, scorePrompt: false }),
  };
}

const isText = (value: unknown): boolean => Array.isArray(value) && value.every((item) => item === 'text');

function readLogprobs(fields: Fields): number | undefined {
  const wanted = fields.flag('logprobs');
  const top = fields.whole('top_logprobs', { most: MOST_LOGPROBS });
  if (top !== undefined && !wanted) throw invalid('expected `top_logprobs` with `logprobs: true` only, got it without', 'top_logprobs');
  return wanted ? (top ?? 0) : undefined;
}

function readTools(fields: Fields): readonly unknown[] | undefined {
  const tools = fields.list('tools');
  const choice = fields.value('tool_choice') ?? 'auto';
  if (choice !== 'auto' && choice !== 'none') {
    throw invalid(
      `expected "auto" or "none" for \`tool_choice\`, got ${shown(choice)}, which is not supported; the model decides, and its calls come back as text`,
      'tool_choice',
      'unsupported_parameter',
    );
  }
  return choice === 'none' || tools === undefined || tools.length === 0 ? undefined : tools;
}

function readTemplateArguments(fields: Fields): Readonly<Record<string, unknown>> | undefined {
  const value = fields.value('chat_template_kwargs');
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fields.refuse('chat_template_kwargs', 'an object', value);
  return value as Record<string, unknown>;
}

async function encode(
  { id, tokenizer, model }: ServedModel,
  messages: readonly ChatMessage[],
  options: RenderChatOptions,
): Promise<Int32Array> {
  if (model.chatTemplate === undefined) {
    throw invalid(
      `expected a model with a chat template, got ${id}, a base model; use /v1/completions`,
      'model',
      'model_has_no_chat_template',
    );
  }
  const text = render(tokenizer, messages, options);
  if (options.tools !== undefined && text === render(tokenizer, messages, { ...options, tools: undefined })) {
    throw invalid(
      `expected no \`tools\`, got ${options.tools.length}; the chat template of ${id} would leave them out`,
      'tools',
      'unsupported_by_model',
    );
  }
  return tokenizer.encode(text, { addSpecialTokens: false });
}

function render(tokenizer: ServedModel['tokenizer'], messages: readonly ChatMessage[], options: RenderChatOptions): string {
  try {
    return tokenizer.renderChat(messages, options);
  } catch (error) {
    if (isHyperfitError(error) && error.code === 'ERR_DATA') throw invalid(error.message, 'messages');
    throw error;
  }
}
