/** What a row is read as. */
export type FormName = 'text' | 'ids' | 'messages' | 'completion' | 'exchange';

export type Form = { name: FormName; passedOver?: string } | { problem: string };

/** Names of what is asked and of what answers it, in forms that stand for one exchange. */
export const ASKED = ['instruction', 'question', 'prompt', 'query', 'input'] as const;
export const ANSWERED = ['output', 'response', 'answer', 'completion'] as const;
export const DIALOGUES = ['messages', 'conversations', 'conversation'] as const;
const IDS = ['ids', 'input_ids'] as const;
const BESIDE = [
  'system',
  'system_prompt',
  'tools',
  'history',
  'context',
  'targets',
  'labels',
  'label',
  'attention_mask',
  'chosen',
  'rejected',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'tool_choice',
];

/** Every name that a row is looked at for. */
export const READ_NAMES: readonly string[] = ['text', ...IDS, ...DIALOGUES, ...ASKED, ...ANSWERED, ...BESIDE];

export const formNames = '"text", "ids" and "messages"';

/** The form of a row by the names of what it holds, nulls left out; undefined for none that is known. */
export function findForm(names: readonly string[]): Form | undefined {
  const has = (name: string): boolean => names.includes(name);
  const plain = [...['text', ...IDS, ...DIALOGUES].filter(has)];
  if (plain.length > 1) return { problem: `both ${plain.map(quote).join(' and ')}; leave one` };
  const asked = ASKED.find(has);
  const answered = ANSWERED.find(has);
  const exchange = asked !== undefined && answered !== undefined ? `${quote(asked)} and ${quote(answered)}` : undefined;
  if (plain.length === 1) return { name: formOf(plain[0]!), ...(exchange === undefined ? {} : { passedOver: exchange }) };
  if (has('chosen') && has('rejected'))
    return {
      problem:
        'preference data ("chosen" and "rejected"), of which nothing here learns; rename "chosen" to "messages", or to "completion" beside a "prompt"',
    };
  if (exchange === undefined) return undefined;
  return { name: asked === 'prompt' && answered === 'completion' ? 'completion' : 'exchange' };
}

function formOf(name: string): FormName {
  if (name === 'text') return 'text';
  return (IDS as readonly string[]).includes(name) ? 'ids' : 'messages';
}

function quote(name: string): string {
  return `"${name}"`;
}
