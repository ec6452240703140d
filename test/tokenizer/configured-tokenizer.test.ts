import { configureTokenizer } from '../../lib/tokenizer/configured-tokenizer.ts';
import { resolveClass } from '../../lib/tokenizer/tokenizer-classes.ts';

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const TOKENIZER = {
  added_tokens: [{ id: 3, content: '<x>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
  normalizer: null,
  pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, BYTE_LEVEL] },
  post_processor: BYTE_LEVEL,
  decoder: BYTE_LEVEL,
  model: { type: 'BPE', vocab: { a: 0, '<begin>': 1, '<end>': 2 }, merges: [] },
};

function configure(
  config: Record<string, unknown>,
  {
    tokenizer = TOKENIZER as Record<string, unknown>,
    map = undefined as Record<string, unknown> | undefined,
    added = undefined as Record<string, unknown> | undefined,
    modelType = 'llama',
  } = {},
) {
  const { text, ...rest } = configureTokenizer({
    tokenizer,
    text: JSON.stringify(tokenizer),
    config,
    map,
    added,
    model: { modelType, tokenizerClass: undefined },
    name: 'folder',
  });
  return { json: JSON.parse(text) as typeof TOKENIZER & { post_processor: { single?: unknown[] } | null }, ...rest };
}

describe("A byte-level file under the name of Llama's class, as DeepSeek's", () => {
  const deepSeek = { tokenizer_class: 'LlamaTokenizerFast', bos_token: { __type: 'AddedToken', content: '<begin>' }, eos_token: '<end>' };
  const around = (config: Record<string, unknown>) =>
    (configure({ ...deepSeek, ...config }).json.post_processor?.single ?? []).map((part) => Object.keys(part as object)[0]);

  test('keeps its pipeline and gets BOS and EOS as the flags say', () => {
    expect(configure(deepSeek).json.pre_tokenizer).toEqual(TOKENIZER.pre_tokenizer);
    expect(around({ add_bos_token: true, add_eos_token: false })).toEqual(['SpecialToken', 'Sequence']);
    expect(around({})).toEqual(['SpecialToken', 'Sequence']);
    expect(around({ add_bos_token: false, add_eos_token: true })).toEqual(['Sequence', 'SpecialToken']);
    expect(configure({ ...deepSeek, add_bos_token: false }).json.post_processor).toBeNull();
  });

  test("but under PreTrainedTokenizerFast the file's own post-processor counts", () => {
    expect(configure({ ...deepSeek, tokenizer_class: 'PreTrainedTokenizerFast', add_bos_token: true }).json.post_processor).toEqual(
      BYTE_LEVEL,
    );
  });
});

describe('The class', () => {
  const of = (modelType: unknown, tokenizerClass?: unknown, autoMap?: unknown) =>
    resolveClass({ modelType, tokenizerClass, modelsTokenizerClass: undefined, autoMap }, 'folder');

  test.each([
    ['llama', undefined, 'file'],
    ['llama', 'LlamaTokenizerFast', 'LlamaTokenizer'],
    ['llama', 'GPT2Tokenizer', 'GPT2Tokenizer'],
    ['mistral', 'LlamaTokenizer', 'file'],
    ['qwen2', undefined, 'Qwen2Tokenizer'],
    ['qwen2', 'LlamaTokenizerFast', 'Qwen2Tokenizer'],
    ['qwen2', 'PreTrainedTokenizerFast', 'Qwen2Tokenizer'],
    ['qwen3', 'PreTrainedTokenizerFast', 'file'],
    ['gemma2', 'GemmaTokenizerFast', 'GemmaTokenizer'],
    ['gpt2', undefined, 'GPT2Tokenizer'],
    ['gpt2', 'NobodysTokenizer', 'file'],
    [undefined, 'Qwen2Tokenizer', 'Qwen2Tokenizer'],
    ['llama', null, 'file'],
  ])('of %s with tokenizer_class %s is %s', (modelType, tokenizerClass, expected) => {
    expect(of(modelType, tokenizerClass)).toBe(expected);
  });

  test.each<[string, unknown[], RegExp]>([
    ['one that is not made here', ['llama', 'T5TokenizerFast'], /`tokenizer_class`.*got `T5Tokenizer`.*PreTrainedTokenizerFast/],
    ['no name', ['llama', 7], /a name for `tokenizer_class`.*got 7/],
    ['code in the folder', ['llama', 'MyTokenizer', { AutoTokenizer: ['m.My', null] }], /`auto_map`.*`MyTokenizer`/],
  ])('%s is refused', (_, [modelType, tokenizerClass, autoMap], message) => {
    expect(() => of(modelType, tokenizerClass, autoMap)).toThrow(
      expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringMatching(message) }),
    );
  });
});

describe('Refused by the name of the key', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ bos_token: 5 }, /`bos_token`.*got 5/],
    [{ eos_token: ['</s>'] }, /`eos_token`.*got \["<\/s>"\]/],
    [{ pad_token: { content: '<p>', lstrip: 'yes' } }, /`pad_token`.*got `lstrip` "yes"/],
    [{ added_tokens_decoder: [] }, /`added_tokens_decoder`/],
    [{ added_tokens_decoder: { one: { content: 'x' } } }, /token ids in `added_tokens_decoder`.*got one/],
    [{ added_tokens_decoder: { 1: 'x' } }, /`added_tokens_decoder` 1 in folder, got "x"/],
    [{ additional_special_tokens: 'x' }, /`extra_special_tokens`.*got "x"/],
    [{ extra_special_tokens: [3] }, /`extra_special_tokens`.*got 3/],
    [{ split_special_tokens: 'no' }, /`split_special_tokens`.*got "no"/],
    [{ tokenizer_class: 'GPT2Tokenizer', add_prefix_space: 1 }, /`add_prefix_space`.*got 1/],
    [{ tokenizer_class: 'GemmaTokenizer' }, /a sentencepiece BPE for the tokenizer class GemmaTokenizer.*PreTrainedTokenizerFast/],
  ])('%j', (config, message) => {
    expect(() => configure(config)).toThrow(expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringMatching(message) }));
  });

  test('in the older files too', () => {
    expect(() => configure({}, { added: { '<new>': 'x' } })).toThrow(/token ids in `added_tokens\.json`.*got "x"/);
    expect(() => configure({}, { map: { bos_token: 4 } })).toThrow(/`bos_token`.*got 4/);
  });
});

test('a folder that says nothing new leaves tokenizer.json as it stands', () => {
  expect(configure({ bos_token: '<x>' }).json).toEqual(TOKENIZER);
});

test('names of tokens are those that templates see', () => {
  expect(
    configure({ bos_token: '<begin>', eos_token: null, image_token: '<x>', extra_special_tokens: { boi_token: '<img>' } }).named,
  ).toEqual({ bos_token: '<begin>', image_token: '<x>', boi_token: '<img>' });
});
