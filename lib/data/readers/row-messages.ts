import { findMessageProblem, type ChatMessage } from '../../tokenizer/chat-template.ts';
import type { RowPlace, RowReading } from './row.ts';
import { DIALOGUES } from './row-forms.ts';
import { isObject, parseNested, withoutNullsWithin, type Fields } from './row-values.ts';

/** Who speaks, in the words of ShareGPT and its kin. */
const ROLES: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  prompter: 'user',
  system: 'system',
  tool: 'tool',
  function: 'tool',
  function_response: 'tool',
  observation: 'tool',
  gpt: 'assistant',
  assistant: 'assistant',
  model: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  bing: 'assistant',
  bard: 'assistant',
  function_call: 'assistant',
};

/** {"messages"} or {"conversations"}, of {"role", "content"} or of ShareGPT's {"from", "value"}. */
export function readMessages(fields: Fields, place: RowPlace): RowReading {
  const name = DIALOGUES.find((known) => known in fields)!;
  const list = parseNested(fields[name]);
  if (typeof list === 'string' && list.trimStart().startsWith('['))
    return `"${name}" is a list as Python prints it; save the rows as .jsonl`;
  if (!Array.isArray(list)) return `"${name}" is not a list`;
  if (list.length > 0) return makeDialogue(list, fields, place, [name]);
  place.notes.add('empty dialogues were passed over', place.source);
  return undefined;
}

// Said by a row beside its dialogue, and without meaning for what is learnt.
const UNREAD = ['parallel_tool_calls', 'functions', 'function_call', 'tool_choice'];

/**
 * A dialogue of messages in any known form, with the `system` and `tools` that its row has. `names` are where the messages stand, for
 * problems.
 */
export function makeDialogue(list: readonly unknown[], fields: Fields, place: RowPlace, names: readonly string[]): RowReading {
  const messages: ChatMessage[] = [];
  for (const [index, item] of list.entries()) {
    const message = readMessage(item);
    if (typeof message === 'string')
      return `${names.map((name) => `"${name}"`).join(' and ')}${names.length === 1 ? `[${index}]` : ''} ${message}`;
    messages.push(message);
  }
  const problem = findMessageProblem(messages);
  if (problem !== undefined) return problem;
  const tools = parseNested(fields['tools']);
  if (tools !== undefined && tools !== '' && !Array.isArray(tools)) return '"tools" is not a list';
  for (const name of UNREAD) if (name in fields) place.notes.add(`rows hold "${name}", which no template reads`, place.source);
  return {
    source: place.source,
    messages: [...systemOf(fields, messages), ...messages],
    ...(Array.isArray(tools) && tools.length > 0 ? { tools: withoutNullsWithin(tools) as unknown[] } : {}),
  };
}

function systemOf(fields: Fields, messages: readonly ChatMessage[]): ChatMessage[] {
  const content = fields['system'] ?? fields['system_prompt'];
  if (typeof content !== 'string' || content.trim() === '' || messages[0]?.role === 'system') return [];
  return [{ role: 'system', content }];
}

/** One message with its content as one text, or what is wrong with it. */
function readMessage(item: unknown): ChatMessage | string {
  if (!isObject(item)) return 'is not an object';
  const { from, value, content: given = value, role: named, ...said } = withoutNullsWithin(item) as Fields;
  const others = inNewForm(said);
  const role = typeof named === 'string' ? (roleOfName(named) ?? named) : roleOf(from);
  if (role === undefined)
    return from === undefined ? describeNoRole(said) : `is from ${JSON.stringify(from)}; expected human, gpt, system or tool`;
  const content = given === undefined && role === 'assistant' && 'tool_calls' in others ? { text: null } : readContent(given);
  if (typeof content === 'string') return content;
  const problem = findBadWeight(others['weight']);
  return problem ?? { role, content: content.text, ...others };
}

/** `weight` and `train` of true and false, and calls of a function as OpenAI wrote them before there were tools. */
function inNewForm({ weight, train, function_call: called, ...others }: Fields): Fields {
  const learnt = train === false || weight === false ? 0 : weight === true ? 1 : weight;
  const calls = isObject(called) && !('tool_calls' in others) ? { tool_calls: [{ type: 'function', function: called }] } : {};
  return { ...others, ...calls, ...(learnt === undefined ? {} : { weight: learnt }) };
}

function describeNoRole(fields: Fields): string {
  const names = Object.keys(fields)
    .slice(0, 4)
    .map((name) => `"${name}"`);
  return `has no "role"${names.length === 0 ? '' : `, but ${names.join(' and ')}`}; write {"role": "user", "content": "..."} and {"role": "assistant", ...}`;
}

/** Roles that no template writes as they stand; others, such as "developer", are the template's own. */
function roleOfName(name: string): string | undefined {
  return ['observation', 'function_call', 'function_response'].includes(name) ? undefined : roleOf(name);
}

function roleOf(from: unknown): string | undefined {
  if (typeof from !== 'string') return undefined;
  const key = from.toLowerCase().replaceAll('-', '_');
  return Object.hasOwn(ROLES, key) ? ROLES[key] : undefined;
}

/** OpenAI's: an answer of weight 0 is not learnt. */
function findBadWeight(weight: unknown): string | undefined {
  return weight === undefined || weight === 0 || weight === 1 ? undefined : `has the weight ${JSON.stringify(weight)}; expected 0 or 1`;
}

/** The text of a content, which may come in parts. */
function readContent(content: unknown): { text: string } | string {
  if (typeof content === 'string') return { text: content };
  if (content === undefined) return 'has no "content"';
  if (!Array.isArray(content)) return 'has a "content" that is not text';
  let text = '';
  for (const part of content as unknown[]) {
    const { type, text: said } = isObject(part) ? part : { type: 'text', text: part };
    if (typeof said === 'string' && (type === undefined || String(type).endsWith('text'))) text += said;
    else return `holds ${type === undefined ? 'a part without text' : JSON.stringify(type)}; only text can be learnt`;
  }
  return { text };
}
