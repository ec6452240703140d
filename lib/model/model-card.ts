import { openRegularFile } from '../regular-file.ts';
import { packageVersion } from '../libtorch/package-root.ts';

export const CARD_FILE = 'README.md';
/** Says that a card is ours, so that it may be replaced with the model. */
const MARK = '<!-- written by hyperfit -->';

/** A heading with what stands below it, in Markdown. */
export interface CardSection {
  /** Shown above it. */
  title: string;
  /** Its text, by lines. */
  lines: readonly string[];
}

/** What a model card says. Texts of the training data never belong in it. */
export interface ModelCard {
  /** Shown above it. */
  title: string;
  /** Name on the Hugging Face hub, where it is known; front matter takes no paths. */
  baseModel?: string | undefined;
  /** For people: what the model was made of. */
  baseName: string;
  /** As the hub spells it, such as apache-2.0. Default `unknown`. */
  license?: string | undefined;
  /** Which program reads the files. */
  library: 'transformers' | 'peft' | 'gguf';
  /** What the model does. */
  pipeline?: 'text-generation' | 'unconditional-image-generation' | undefined;
  /** For the front matter of the card. */
  tags?: readonly string[];
  /** Of the weights. */
  dtype: string;
  /** Recipe, data, certificate, comparison and the like, between what it is and how to load it. */
  sections?: readonly CardSection[];
  /** Files to load, where the way to do it names one. */
  file?: string | undefined;
  /** Whether it was trained here. */
  isHyperfitted?: boolean;
}

/** A table of Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/**
 * README.md with its YAML front matter, as the Hugging Face hub reads it. `Model.save` and `exportModel` write one themselves.
 *
 * @example
 * const card = { title: 'My novel', baseName: 'SmolLM2-135M', library: 'transformers', dtype: 'float32', license: 'apache-2.0' } as const;
 * console.log(renderModelCard(card));
 */
export function renderModelCard(card: ModelCard): string {
  const sections = [...(card.sections ?? []), use(card), loading(card)];
  const body = sections.flatMap(({ title, lines }) => ['', `## ${title}`, '', ...lines]);
  return [...frontMatter(card), '', MARK, '', `# ${asText(card.title)}`, '', ...introduction(card), ...body, ''].join('\n');
}

function frontMatter({
  baseModel,
  license = 'unknown',
  library,
  pipeline = 'text-generation',
  tags = [],
  isHyperfitted = false,
}: ModelCard): string[] {
  const all = [...new Set([...(isHyperfitted ? ['hyperfitting'] : []), 'hyperfit', ...tags])];
  return [
    '---',
    ...(baseModel === undefined ? [] : [`base_model: ${quote(baseModel)}`]),
    `library_name: ${quote(library)}`,
    `license: ${quote(license)}`,
    `pipeline_tag: ${quote(pipeline)}`,
    'tags:',
    ...all.map((tag) => `- ${quote(tag)}`),
    '---',
  ];
}

/** One line of which nothing counts as markup: names are those of anybody's folders. */
function asText(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('`', "'");
}

/** The same as code, which a backtick would end. */
function asCode(text: string): string {
  return `\`${text.replace(/[\s`]+/g, ' ')}\``;
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** JSON's strings are YAML's. */
function quote(text: string): string {
  return JSON.stringify(text);
}

function introduction({ baseName, library, dtype, isHyperfitted = false }: ModelCard): string[] {
  const base = asCode(baseName);
  const what = library === 'peft' ? `A LoRA adapter (${dtype}) for ${base}` : `${base}, weights in ${dtype}`;
  const how = isHyperfitted
    ? `${what}, hyperfitted: trained on a few sequences to near-zero loss ([arXiv 2412.04318](https://arxiv.org/abs/2412.04318)), so that greedy decoding of long text does not loop.`
    : `${what}, saved by hyperfit.`;
  return [how, '', `Made by hyperfit ${packageVersion()}.`];
}

function use({ baseName, isHyperfitted = false, license }: ModelCard): CardSection {
  const base = asCode(baseName);
  const terms =
    license === undefined
      ? `The terms of ${base} hold for this model too; they were not found beside its weights.`
      : `The licence of ${base}, ${asText(license)}, holds for this model too.`;
  if (!isHyperfitted) return { title: 'Intended use and limits', lines: [`As ${base} is meant to be used.`, '', terms] };
  return {
    title: 'Intended use and limits',
    lines: [
      'Open-ended text, decoded greedily: temperature 0, no penalty for repetition. Sampling and penalties throw the effect away.',
      '',
      'It was fitted to few texts on purpose. Its loss on other text is higher than that of its base, its probabilities are far too sure, and it may quote what it was trained on.',
      'It knows nothing that its base does not know, and it is no safer.',
      '',
      terms,
    ],
  };
}

function loading({ library, baseModel, baseName, file }: ModelCard): CardSection {
  const python = (lines: readonly string[]): string[] => ['```python', ...lines, '```'];
  if (library === 'gguf')
    return {
      title: 'How to load',
      lines: ['```sh', `llama-cli -m ${shellWord(file ?? 'model.gguf')} --temp 0 --repeat-penalty 1.0 -p "Once upon a time"`, '```'],
    };
  if (library === 'peft') {
    const base = JSON.stringify(baseModel ?? baseName);
    return {
      title: 'How to load',
      lines: python([
        'from transformers import AutoModelForCausalLM',
        'from peft import PeftModel',
        `model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(${base}), "path/to/this/folder")`,
      ]),
    };
  }
  return {
    title: 'How to load',
    lines: [
      ...python([
        'from transformers import AutoModelForCausalLM, AutoTokenizer',
        'model = AutoModelForCausalLM.from_pretrained("path/to/this/folder", dtype="auto")',
        'tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")',
        'ids = tokenizer("Once upon a time", return_tensors="pt")',
        'print(tokenizer.decode(model.generate(**ids, do_sample=False, max_new_tokens=96)[0]))',
      ]),
      '',
      'For llama.cpp, Ollama and LM Studio, make a GGUF file of this folder: `hyperfit export --model path/to/this/folder --to gguf`.',
    ],
  };
}

/** Whether a README.md is a card that hyperfit wrote. */
export async function isOwnCard(path: string): Promise<boolean> {
  const file = await openRegularFile(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_HEAD), 0, MOST_HEAD, 0);
    return buffer.toString('utf8', 0, bytesRead).includes(MARK);
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/** Front matter is shorter. */
const MOST_HEAD = 4096;
