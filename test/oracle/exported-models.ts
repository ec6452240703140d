import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addProduct, type LowRankAddition } from '../../lib/model/adapter.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import type { Model } from '../../lib/model/model.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { Tensor } from '../../lib/tensor/tensor.ts';

const MODELS = join(__dirname, '..', 'fixtures', 'models');
/**
 * Tiny models of every family in forms that llama.cpp computes; the Mistral is one without a window, and
 * the SmolLM3 is made here, since those of the fixtures leave out other layers' rotation.
 */
export const LLAMA_CPP_MODELS = [
  'llama-tied-gqa',
  'llama-untied-mha',
  'llama-bias',
  'llama-linear-rope',
  'llama-dynamic-rope',
  'llama-yarn-rope',
  'llama3-rope',
  'mistral-tied-mha',
  'qwen2-tied-gqa',
  'qwen3-tied-gqa',
  'gemma2-tied-gqa',
  'gemma3-tied-gqa',
  'gemma3-untied-mha',
  'gpt2-tied',
  'smollm3',
];
/** Of these also an adapter is written; where the head is a matrix of its own, embedding and head are added to as well. */
export const ADAPTED_MODELS = ['llama-tied-gqa', 'llama-untied-mha', 'qwen3-tied-gqa', 'gemma3-untied-mha', 'gpt2-tied'];
export const PROMPTS = 8;
export const NEW_TOKENS = 48;

/** A folder with the model `name` and a tokenizer, which llama.cpp wants. */
export async function makeModel(name: string, folder: string): Promise<string> {
  const path = join(folder, name);
  if (name === 'smollm3') await makeSmolLM3(path);
  else cpSync(join(MODELS, name), path, { recursive: true });
  const { vocab_size: size } = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as { vocab_size: number };
  if (name.startsWith('mistral'))
    writeFileSync(
      join(path, 'config.json'),
      JSON.stringify({ ...(JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as object), sliding_window: null }),
    );
  writeFileSync(join(path, 'tokenizer.json'), JSON.stringify(letterTokenizer(size)));
  writeFileSync(
    join(path, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'PreTrainedTokenizerFast', eos_token: '</s>', bos_token: '<s>' }),
  );
  return path;
}

async function makeSmolLM3(path: string): Promise<void> {
  const config = JSON.parse(readFileSync(join(MODELS, 'smollm3-tied-gqa', 'config.json'), 'utf8')) as Record<string, unknown>;
  await initializeModel(
    path,
    {
      ...config,
      num_hidden_layers: 5,
      no_rope_layers: [1, 1, 1, 0, 1],
      initializer_range: 0.3,
      layer_types: Array.from({ length: 5 }, () => 'full_attention'),
    },
    { seed: 3 },
  );
}

/** Byte-level BPE of `size` tokens: letters, and a few pairs of them. */
function letterTokenizer(size: number): object {
  const special = ['<unk>', '<s>', '</s>'];
  const letters = [
    'Ġ',
    'Ċ',
    ...Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)),
    ...Array.from({ length: 80 }, (_, index) => String.fromCharCode(0xae + index)),
  ];
  const merges = [
    ['t', 'h'],
    ['Ġ', 'a'],
    ['th', 'e'],
  ];
  const tokens = [...special, ...letters.slice(0, size - special.length)];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added = special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const known = merges.filter(([left, right]) => left! in vocab && right! in vocab && `${left}${right}` in vocab);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: { type: 'BPE', vocab, merges: known },
  };
}

/** Ids that any of the models can read. */
export function promptsOf(vocabSize: number): Int32Array[] {
  return Array.from({ length: PROMPTS }, (_, prompt) =>
    Int32Array.from({ length: 12 }, (_, at) => 3 + ((at * 5 + prompt * 11) % (vocabSize - 3))),
  );
}

/** 48 greedy ids after each prompt; an end of text is written like any other, and the text goes on after it, as llama.cpp is asked to. */
export async function writeOn(model: Model, prompts: readonly ArrayLike<number>[]): Promise<number[][]> {
  const texts = prompts.map((prompt) => ({ length: prompt.length, ids: Array.from(prompt) }));
  for (;;) {
    const unfinished = texts.filter(({ length, ids }) => ids.length < length + NEW_TOKENS);
    if (unfinished.length === 0) return texts.map(({ length, ids }) => ids.slice(length));
    const most = Math.max(...unfinished.map(({ length, ids }) => length + NEW_TOKENS - ids.length));
    const generations = await model.generate(
      unfinished.map(({ ids }) => Int32Array.from(ids)),
      { maxNewTokens: most },
    );
    for (const [row, { ids }] of generations.entries()) unfinished[row]!.ids.push(...ids);
    for (const text of unfinished) text.ids.length = Math.min(text.ids.length, text.length + NEW_TOKENS);
  }
}

const RANK = 2;

/** Additions of numbers that float32 holds exactly, so that the file of them is the same everywhere. */
export function makeAdditions(model: Model): LowRankAddition[] {
  const { tieWordEmbeddings } = model.config;
  const parameters = model.parameters();
  const additions = [...parameters].flatMap(([parameter, { shape }], at): LowRankAddition[] => {
    const isTable = !/\.\d+\./.test(parameter);
    if (shape.length !== 2 || parameter.includes('wpe') || (isTable && tieWordEmbeddings)) return [];
    const [out, into] = (parameter.startsWith('transformer.h') ? shape.toReversed() : shape) as [number, number];
    return [{ parameter, scale: 0.5, a: numbers([RANK, into], at), b: numbers([out, RANK], at + 3) }];
  });
  for (const tensor of parameters.values()) tensor.dispose();
  return additions;
}

function numbers(shape: [number, number], seed: number): Tensor {
  const values = Float32Array.from({ length: shape[0] * shape[1] }, (_, at) => (((at * 7 + seed * 13) % 17) - 8) / 32);
  return scope(() => Tensor.from(values).reshape(shape));
}

/** Adds them to the weights. */
export function addAll(model: Model, additions: readonly LowRankAddition[]): void {
  const parameters = model.parameters();
  for (const addition of additions)
    addProduct(parameters.get(addition.parameter)!, addition, addition.parameter.startsWith('transformer.h'));
  for (const tensor of parameters.values()) tensor.dispose();
}
