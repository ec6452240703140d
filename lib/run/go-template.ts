import type { ChatMessage } from '../tokenizer/chat-template.ts';

/**
 * Chat formats as Ollama's templates of one exchange: what comes before, between and after system text, prompt and response. The Jinja
 * template of a model is one of these when both give the same text for a dialogue.
 */
const FORMATS: readonly { name: string; template: string }[] = [
  {
    name: 'ChatML',
    template:
      '{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n{{ .Response }}<|im_end|>\n',
  },
  {
    name: 'Llama 3',
    template:
      '{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>{{ end }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{{ .Response }}<|eot_id|>',
  },
  {
    name: 'Gemma',
    template:
      '<start_of_turn>user\n{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}<end_of_turn>\n<start_of_turn>model\n{{ .Response }}<end_of_turn>\n',
  },
  {
    name: 'Zephyr',
    template: '{{ if .System }}<|system|>\n{{ .System }}</s>\n{{ end }}<|user|>\n{{ .Prompt }}</s>\n<|assistant|>\n{{ .Response }}</s>\n',
  },
  {
    name: 'Phi-3',
    template:
      '{{ if .System }}<|system|>\n{{ .System }}<|end|>\n{{ end }}<|user|>\n{{ .Prompt }}<|end|>\n<|assistant|>\n{{ .Response }}<|end|>\n',
  },
  {
    name: 'Llama 2',
    template: '[INST] {{ if .System }}<<SYS>>\n{{ .System }}\n<</SYS>>\n\n{{ end }}{{ .Prompt }} [/INST] {{ .Response }} </s>',
  },
  { name: 'Mistral', template: '[INST] {{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }} [/INST]{{ .Response }}</s>' },
  { name: 'Mistral', template: '[INST] {{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}[/INST] {{ .Response }}</s>' },
  { name: 'Mistral', template: '[INST] {{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }} [/INST] {{ .Response }}</s>' },
  { name: 'Vicuna', template: '{{ if .System }}{{ .System }} {{ end }}USER: {{ .Prompt }} ASSISTANT: {{ .Response }}</s>' },
  {
    name: 'Alpaca',
    template: '{{ if .System }}{{ .System }}\n\n{{ end }}### Instruction:\n{{ .Prompt }}\n\n### Response:\n{{ .Response }}\n\n',
  },
];

/** How a chat format is said in Ollama's Go templates. */
export interface GoTemplate {
  name: string;
  template: string;
  /** What the model's own template says for the system where a dialogue has none. */
  defaultSystem: string | undefined;
}

export type RenderDialogue = (messages: readonly ChatMessage[]) => string;

const SYSTEM = 'Be brief, be 1.';
const TURNS: readonly ChatMessage[] = [
  { role: 'user', content: 'Which one, Ann?' },
  { role: 'assistant', content: 'The second: it is blue.' },
  { role: 'user', content: 'And then' },
];

/**
 * The format whose Go template gives what `render` (the Jinja template, ending where the assistant answers) gives; undefined where none
 * does. A beginning of text that the template writes itself (`bos`) is left to Ollama, which adds it.
 */
export function findGoTemplate(render: RenderDialogue, bos: string | undefined): GoTemplate | undefined {
  const text = (messages: readonly ChatMessage[]): string | undefined => renderSafely(render, messages, bos);
  const [plain, guided] = [text(TURNS), text([{ role: 'system', content: SYSTEM }, ...TURNS])];
  for (const { name, template } of FORMATS) {
    const isGuided = guided === undefined || guided === renderGo(template, TURNS, SYSTEM);
    if (!isGuided || plain === undefined) continue;
    if (plain === renderGo(template, TURNS, '')) return { name, template, defaultSystem: undefined };
    const said = guided === undefined ? undefined : defaultSystemOf(template, plain);
    if (said !== undefined) return { name, template, defaultSystem: said };
  }
  return undefined;
}

/** Templates refuse what they do not know, a system message among it. */
function renderSafely(render: RenderDialogue, messages: readonly ChatMessage[], bos: string | undefined): string | undefined {
  try {
    const text = render(messages);
    return bos !== undefined && bos !== '' && text.startsWith(bos) ? text.slice(bos.length) : text;
  } catch {
    return undefined;
  }
}

const MARK = '\u{10fffd}';

/** The system text with which the format gives `plain`, a dialogue without one. */
function defaultSystemOf(template: string, plain: string): string | undefined {
  const [before = '', after = ''] = renderGo(template, TURNS, MARK).split(MARK);
  const fits = plain.startsWith(before) && plain.endsWith(after) && plain.length >= before.length + after.length;
  return fits ? plain.slice(before.length, plain.length - after.length) : undefined;
}

/** As Ollama runs a template that knows one exchange: once for each, the last ending where its response begins. */
export function renderGo(template: string, messages: readonly ChatMessage[], system: string): string {
  let text = '';
  for (let at = 0; at < messages.length; at += 2) {
    const response = messages[at + 1]?.content;
    const exchange = fill(template, at === 0 ? system : '', String(messages[at]!.content));
    const [start = '', end = ''] = exchange.split('{{ .Response }}');
    text += response === undefined ? start : `${start}${String(response)}${end}`;
  }
  return text;
}

function fill(template: string, system: string, prompt: string): string {
  return template
    .replace(/\{\{ if \.System \}\}([^]*?)\{\{ end \}\}/, (_, inner: string) => (system === '' ? '' : inner))
    .replaceAll('{{ .System }}', () => system)
    .replaceAll('{{ .Prompt }}', () => prompt);
}
