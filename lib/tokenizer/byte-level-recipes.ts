import { byteLevel, digits, NFC, sequence, split } from './pre-tokenizers.ts';
import type { JsonPart } from './pre-tokenizers.ts';

/** How text is cut before byte-level BPE, by llama.cpp's name of it (`tokenizer.ggml.pre`). */
export interface ByteLevelRecipe {
  normalizer: JsonPart;
  preTokenizer: JsonPart;
  /** A piece that is a token as a whole is not cut further. */
  ignoreMerges: boolean;
  /** Whether a text starts with BOS where the file does not say. */
  addBos: boolean;
}

interface Group extends Partial<Omit<ByteLevelRecipe, 'preTokenizer'>> {
  names: readonly string[];
  preTokenizer: JsonPart;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const TRAILING_SPACE = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const THOUSANDS = String.raw`\p{N}{1,3}`;
const HAN_AND_KANA = '[一-龥぀-ゟ゠-ヿ]+';
const HAN_AND_HANGUL = '[一-龥ࠀ-一가-퟿]+';
/** Letters of scripts that know capitals, in DeepSeek-LLM's spelling. */
const CASED = [
  'A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-',
  'ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀',
  '-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃',
].join('');
/** Words that begin with capitals and go on small, and words of capitals. */
const UPPER = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const FORMER = String.raw`[^\r\n\p{L}\p{N}]?`;
const POROS_WORDS = String.raw` ?[^(\s|.,!?…。，、।۔،)]+`;

/** Llama 3's expression; `number` is what of digits stays together, `spaces` what is done with white space. */
function llama3(
  number: string,
  {
    contractions = `${CONTRACTIONS}|`,
    spaces = TRAILING_SPACE,
    letters = String.raw`\p{L}`,
    rest = String.raw`[^\s\p{L}\p{N}]+[\r\n]*`,
  } = {},
): string {
  return `${contractions}${FORMER}${letters}+|${number}| ?${rest}|${spaces}`;
}

/** GPT-4o's expression, and tekken's without contractions. */
function cased(number: string, contractions: string): string {
  return `${FORMER}${UPPER}*${LOWER}+${contractions}|${FORMER}${UPPER}+${LOWER}*${contractions}|${number}| ?${String.raw`[^\s\p{L}\p{N}]+[\r\n/]*`}|${TRAILING_SPACE}`;
}

/** DeepSeek V3's last expression. */
const DEEPSEEK3_WORDS = String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${'`'}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+`;
const JAIS2_SPACES = String.raw`\s*[\r\n]+|${[512, 256, 128, 64, 32, 16, 8, 4].map((count) => String.raw`\s{${count}}(?!\S)`).join('|')}|\s{1,2}(?!\S)|\s{1}`;

/** Cuts by each expression in turn, each within the pieces of the one before. */
function splits(...patterns: string[]): JsonPart {
  return sequence(...patterns.map(split), byteLevel({ useRegex: false }));
}

const QWEN2 = splits(llama3(String.raw`\p{N}`));
const LLAMA3 = splits(llama3(THOUSANDS));

const GROUPS: readonly Group[] = [
  {
    names: [
      'gpt-2',
      'phi-2',
      'jina-es',
      'jina-de',
      'jina-v2-es',
      'jina-v2-de',
      'gigachat',
      'a.x-4.0',
      'mellum',
      'modern-bert',
      'jais',
      'exaone4',
      'trillion',
      'granite-docling',
    ],
    preTokenizer: byteLevel({ useRegex: true }),
  },
  { names: ['mpt', 'olmo'], preTokenizer: byteLevel({ useRegex: true }), normalizer: NFC },
  {
    names: ['smollm', 'starcoder', 'refact', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'],
    preTokenizer: sequence(digits(), byteLevel({ useRegex: true })),
  },
  { names: ['command-r'], preTokenizer: sequence(digits(), byteLevel({ useRegex: true })), normalizer: NFC },
  {
    names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2', 'jina-v5-nano'],
    preTokenizer: LLAMA3,
    ignoreMerges: true,
    addBos: true,
  },
  { names: ['dbrx', 'smaug-bpe', 'chatglm-bpe'], preTokenizer: LLAMA3 },
  { names: ['glm4', 'glm5'], preTokenizer: LLAMA3, ignoreMerges: true },
  { names: ['minicpm5'], preTokenizer: splits(THOUSANDS, llama3(String.raw`\p{N}+`)), ignoreMerges: true },
  { names: ['jais-2'], preTokenizer: splits(llama3(THOUSANDS, { spaces: JAIS2_SPACES })) },
  { names: ['qwen2', 'deepseek-r1-qwen', 'megrez', 'stablelm2'], preTokenizer: QWEN2, normalizer: NFC },
  { names: ['hunyuan', 'kormo', 'f2llmv2', 'grok-2', 'solar-open'], preTokenizer: QWEN2 },
  {
    names: ['qwen35'],
    preTokenizer: splits(llama3(String.raw`\p{N}`, { letters: String.raw`[\p{L}\p{M}]`, rest: String.raw`[^\s\p{L}\p{M}\p{N}]+[\r\n]*` })),
    normalizer: NFC,
  },
  { names: ['ufakzeka'], preTokenizer: splits(llama3(String.raw`\p{N}`, { contractions: '' })) },
  { names: ['laguna'], preTokenizer: splits(String.raw`[^\n]+|[\n]+`, llama3(String.raw`\p{N}`)) },
  { names: ['seed-coder'], preTokenizer: splits(llama3(String.raw`\p{N}`, { rest: String.raw`[^\s\p{L}\p{N}\r\n]+` })) },
  {
    names: ['bailingmoe', 'bailingmoe2', 'llada-moe'],
    preTokenizer: splits(
      llama3(String.raw`\p{N}`, { contractions: "'(?i:[sdmt]|ll|ve|re)|", spaces: String.raw`\s*[\r\n]|\s+(?!\S)|\s+` }),
    ),
  },
  { names: ['tekken'], preTokenizer: splits(cased(String.raw`\p{N}`, '')), ignoreMerges: true, addBos: true },
  { names: ['gpt-4o', 'llama4', 'kanana2', 'talkie', 'minimax-m2'], preTokenizer: splits(cased(THOUSANDS, `${CONTRACTIONS}?`)) },
  { names: ['tiny_aya', 'cohere2moe'], preTokenizer: splits(String.raw`\d{1,3}(?=(?:\d{3})*\b)`, cased(THOUSANDS, `${CONTRACTIONS}?`)) },
  {
    names: ['youtu'],
    preTokenizer: splits(`[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|${HAN_AND_KANA}`, cased(String.raw`\p{N}`, `${CONTRACTIONS}?`)),
    ignoreMerges: true,
  },
  {
    names: ['deepseek-llm'],
    preTokenizer: splits(
      String.raw`[\r\n]`,
      String.raw`\s?[${CASED}]+`,
      String.raw`\s?[!-/:-~！-／：-～‘-‟　-。]+`,
      String.raw`\s+$`,
      HAN_AND_HANGUL,
      String.raw`\p{N}+`,
    ),
  },
  {
    names: ['deepseek-coder'],
    preTokenizer: splits(String.raw`[\r\n]`, String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, HAN_AND_HANGUL, String.raw`\p{N}`),
  },
  {
    names: ['deepseek-v3', 'hunyuan-dense', 'joyai-llm', 'hy_v4'],
    preTokenizer: splits(THOUSANDS, HAN_AND_KANA, String.raw`${DEEPSEEK3_WORDS}[\r\n]*|${TRAILING_SPACE}`),
  },
  {
    names: ['spark2_5'],
    preTokenizer: splits(THOUSANDS, HAN_AND_KANA, String.raw`${DEEPSEEK3_WORDS}|[\r\n]|\s+(?!\S)|\s+`, String.raw`\p{N}`),
  },
  { names: ['falcon'], preTokenizer: splits(String.raw`[\p{P}\$\+<=>\^~\|${'`'}]+`, GPT2, '[0-9][0-9][0-9]') },
  { names: ['default'], preTokenizer: splits(String.raw`[\p{P}\$\+<=>\^~\|]+`, GPT2, String.raw`\p{N}+`, '[0-9][0-9][0-9]') },
  { names: ['poro-chat', 'bloom', 'gpt3-finnish'], preTokenizer: splits(POROS_WORDS) },
  { names: ['viking'], preTokenizer: splits(POROS_WORDS, String.raw`\p{N}`) },
];

const PLAIN = { normalizer: null, ignoreMerges: false, addBos: false };

export const BYTE_LEVEL_RECIPES: ReadonlyMap<string, ByteLevelRecipe> = new Map(
  GROUPS.flatMap(({ names, ...recipe }) => names.map((name) => [name, { ...PLAIN, ...recipe }] as const)),
);
