import { Tokenizer as RustTokenizer } from 'tokenizers';
import { BYTE_LEVEL_RECIPES } from './byte-level-recipes.ts';
import type { ByteLevelRecipe } from './byte-level-recipes.ts';

/** What of a tokenizer.json decides how text is cut. */
export interface ByteLevelJson {
  normalizer?: unknown;
  pre_tokenizer?: unknown;
  model: Readonly<Record<string, unknown>> & { ignore_merges?: boolean };
}

/**
 * White space, digits, contractions, capitals, scripts, combining marks, emoji: where the known ways to cut differ, something here does.
 */
export const PROBES: readonly string[] = [
  "The quick brown fox, it's said, JUMPED over 1 lazy dog; 22 times, 333 or 4444, 55555.5 at 12:30!",
  '  two  spaces,\ttabs\t\tand\n\nnew lines \n \n  \r\n   indented\n\n\n\ttext   ',
  "I'LL we'Ve you're 'TIS rock'n'roll don'T '''''' \"\"\" ``` ------ ====== ...... !!!??? #$%&()*+,-./:;<=>?@[\\]^_{|}~",
  'def f(x_1):\n    return {"a": [1, 2.50], "b": x_1**2}  # comment\n',
  'Ärger über Größe, naïve façade, e\u0301te\u0301, Ångström, ﬁne, ½ Ⅷ x²',
  '我想在apple工作1314151天～ これはテストです。カタカナ 한국어 텍스트 ไทย नमस्ते हिन्दी العربية עברית Привет мир',
  '🚀 😶\u200d🌫️ 🦙🦙 3 33 333 é🇩🇪 a\u00a0b\u3000c\u200bd',
  'CamelCaseWords HTTPServer iPhone15Pro v2.0-rc1 user@example.com http://a.b/c?d=e&f=1',
];

/** The name under which llama.cpp cuts as `json` does; undefined where none of its ways does. `preferred` are tried first. */
export async function findRecipe(json: ByteLevelJson, preferred: readonly string[] = []): Promise<string | undefined> {
  const names = [...preferred.filter((name) => BYTE_LEVEL_RECIPES.has(name)), ...BYTE_LEVEL_RECIPES.keys()];
  const alike = names.find((name) => isAlike(json, BYTE_LEVEL_RECIPES.get(name)!));
  return alike ?? findByIds(json, names);
}

/** Said in other words, perhaps: what counts is the ids. One of each group of names will do. */
async function findByIds(json: ByteLevelJson, names: readonly string[]): Promise<string | undefined> {
  const expected = await encodeProbes(json);
  const tried = new Set<string>();
  for (const name of names) {
    const { normalizer, preTokenizer, ignoreMerges } = BYTE_LEVEL_RECIPES.get(name)!;
    const key = JSON.stringify([normalizer, preTokenizer, ignoreMerges]);
    if (tried.has(key)) continue;
    tried.add(key);
    const ids = await encodeProbes({ normalizer, pre_tokenizer: preTokenizer, model: { ...json.model, ignore_merges: ignoreMerges } });
    if (JSON.stringify(ids) === JSON.stringify(expected)) return name;
  }
  return undefined;
}

async function encodeProbes({ normalizer, pre_tokenizer, model }: ByteLevelJson): Promise<number[][]> {
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: normalizer ?? null,
    pre_tokenizer: pre_tokenizer ?? null,
    post_processor: null,
    decoder: null,
    model,
  };
  const rust = RustTokenizer.fromString(JSON.stringify(file));
  const encodings = await Promise.all(PROBES.map((text) => rust.encode(text, null, { addSpecialTokens: false })));
  return encodings.map((encoding) => encoding.getIds());
}

function isAlike(json: ByteLevelJson, recipe: ByteLevelRecipe): boolean {
  return (
    same(json.normalizer, recipe.normalizer) &&
    same(json.pre_tokenizer, recipe.preTokenizer) &&
    (json.model.ignore_merges ?? false) === recipe.ignoreMerges
  );
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(flatten(a)) === JSON.stringify(flatten(b));
}

type Part = Readonly<Record<string, unknown>>;

/** The steps one after the other, defaults written out, keys sorted. */
function flatten(part: unknown): Part[] {
  if (typeof part !== 'object' || part === null) return [];
  const { type, pretokenizers, normalizers, trim_offsets: _, ...rest } = part as Part;
  const parts = pretokenizers ?? normalizers;
  if (type === 'Sequence' && Array.isArray(parts)) return parts.flatMap(flatten);
  const defaults = type === 'ByteLevel' ? { add_prefix_space: false, use_regex: true } : type === 'Split' ? { invert: false } : {};
  return [Object.fromEntries(Object.entries({ ...defaults, ...rest, type }).sort(([a], [b]) => (a < b ? -1 : 1)))];
}
