import { basename } from 'node:path';
import type { Model } from '../model/model.ts';
import { findGoTemplate } from './go-template.ts';

/** A Modelfile for Ollama, and what in it is worth knowing. */
export interface Modelfile {
  /** As text. */
  text: string;
  /** What could not be carried over. */
  notes: string[];
}

/** Everything but greedy choice, and every penalty of repetition, taken out of the way: Ollama's defaults would write another text. */
const PARAMETERS = [
  ['temperature', '0'],
  ['top_k', '1'],
  ['top_p', '1'],
  ['min_p', '0'],
  ['repeat_penalty', '1'],
  ['repeat_last_n', '0'],
  ['presence_penalty', '0'],
  ['frequency_penalty', '0'],
] as const;
const RAW = '{{ .Prompt }}{{ .Response }}';
const MOST_CONTEXT = 8192;

/**
 * A Modelfile for `ollama create`: the file, the chat template said in Go where it is one of the common ones, the texts that end an answer,
 * and decoding as hyperfit decodes.
 * @param path of the GGUF file, beside which the Modelfile stands
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 *
 * const { paths } = await model.exportGguf('novel.gguf');
 * const { text, notes } = renderModelfile(model, paths[0]!);
 * await writeFile('novel.Modelfile', text); // ollama create novel -f novel.Modelfile
 */
export function renderModelfile(model: Model, path: string): Modelfile {
  const { template, system, notes } = templateOf(model);
  const stem = basename(path).replace(/\.gguf$/i, '');
  const lines = [
    `# ollama create ${stem.toLowerCase()} -f ${stem}.Modelfile && ollama run ${stem.toLowerCase()}`,
    ...notes.map((note) => `# ${note}`),
    `FROM ./${basename(path)}`,
    `TEMPLATE ${quote(template)}`,
    ...(system === undefined ? [] : [`SYSTEM ${quote(system)}`]),
    ...stopsOf(model).map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`),
    ...PARAMETERS.map(([name, value]) => `PARAMETER ${name} ${value}`),
    `PARAMETER num_ctx ${Math.min(model.config.maxPositionEmbeddings, MOST_CONTEXT)}`,
  ];
  return { text: `${lines.join('\n')}\n`, notes };
}

function templateOf({ tokenizer, chatTemplate }: Model): { template: string; system: string | undefined; notes: string[] } {
  if (tokenizer === undefined || chatTemplate === undefined)
    return { template: RAW, system: undefined, notes: ['The model has no chat template: prompts are continued as they are.'] };
  const bos = tokenizer.bosTokenId === undefined ? undefined : tokenizer.piece(tokenizer.bosTokenId);
  const found = findGoTemplate((messages) => tokenizer.renderChat(messages), bos);
  if (found !== undefined) return { template: found.template, system: found.defaultSystem, notes: [] };
  return {
    template: RAW,
    system: undefined,
    notes: [
      'The chat template of the model is none of the common ones and was not carried over: prompts are continued as they are. Programs that read Jinja find it in the GGUF file.',
    ],
  };
}

/** The end tokens as texts. */
function stopsOf({ tokenizer, eosTokenIds }: Model): string[] {
  if (tokenizer === undefined) return [];
  const texts = eosTokenIds.filter((id) => id < tokenizer.vocabSize).map((id) => tokenizer.piece(id) ?? '');
  return [...new Set(texts)].filter((text) => text !== '');
}

/** Triple quotes hold everything but themselves. */
function quote(text: string): string {
  return `"""${text.replaceAll('"""', '""')}"""`;
}
