import { BYTE_LEVEL_RECIPES } from '../../lib/tokenizer/byte-level-recipes.ts';
import { readGgufTokenIds, rebuildTokenizer } from '../../lib/tokenizer/gguf-tokenizer.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { byteLevelAlphabet } from 'tokenizers';
import type { MetadataValue } from '../../lib/tokenizer/metadata.ts';
import { mergesFromScores } from '../../lib/tokenizer/score-merges.ts';

const BYTE_LEVEL = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'gpt-2',
  'tokenizer.ggml.tokens': ['<eos>', 'a', 'b', 'ab'],
  'tokenizer.ggml.token_type': Int32Array.of(3, 1, 1, 1),
  'tokenizer.ggml.merges': ['a b'],
};
const SENTENCE_PIECE = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': ['<unk>', '<s>', 'a', 'b', 'ab'],
  'tokenizer.ggml.scores': Float32Array.of(0, 0, -2, -3, -1),
  'tokenizer.ggml.token_type': Int32Array.of(2, 3, 1, 1, 1),
  'tokenizer.ggml.bos_token_id': 1,
};

function rebuild(metadata: Record<string, MetadataValue>) {
  const { tokenizer, ...rest } = rebuildTokenizer(new Map(Object.entries(metadata)), 'model.gguf');
  return { json: JSON.parse(tokenizer) as Record<string, unknown>, ...rest };
}

describe('Refused with ERR_TOKENIZER, naming the key', () => {
  const cases: [string, Record<string, MetadataValue>, RegExp][] = [
    ['no kind', {}, /tokenizer\.ggml\.model.*got nothing/],
    ['another kind', { ...BYTE_LEVEL, 'tokenizer.ggml.model': 'bert' }, /got "bert"/],
    ['an unknown pre-tokenizer', { ...BYTE_LEVEL, 'tokenizer.ggml.pre': 'esperanto' }, /gpt-2, .*llama-bpe, .*qwen2, .*got "esperanto"/],
    ['no tokens', { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'gpt-2' }, /tokenizer\.ggml\.tokens/],
    ['tokens that are numbers', { ...BYTE_LEVEL, 'tokenizer.ggml.tokens': Int32Array.of(1, 2) }, /tokenizer\.ggml\.tokens/],
    ['no pre-tokenizer', { ...BYTE_LEVEL, 'tokenizer.ggml.pre': false }, /tokenizer\.ggml\.pre.*got nothing/],
    ['a token twice', { ...BYTE_LEVEL, 'tokenizer.ggml.tokens': ['x', 'a', 'a', 'ab'] }, /each token once.*"a" as 1 and as 2/],
    ['too few types', { ...BYTE_LEVEL, 'tokenizer.ggml.token_type': Int32Array.of(1) }, /4 entries/],
    ['no merges', { ...BYTE_LEVEL, 'tokenizer.ggml.merges': 1 }, /tokenizer\.ggml\.merges/],
    ['merges of unknown tokens', { ...BYTE_LEVEL, 'tokenizer.ggml.merges': ['a c'] }, /"a c"/],
    ['an id beyond the tokens', { ...BYTE_LEVEL, 'tokenizer.ggml.eos_token_id': 4 }, /eos_token_id.*got 4/],
    ['no scores', { ...SENTENCE_PIECE, 'tokenizer.ggml.scores': Float32Array.of(1) }, /5 numbers/],
  ];
  test.each(cases)('%s', (_, metadata, message) => {
    let thrown: unknown;
    try {
      rebuild(metadata);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_TOKENIZER', message: expect.stringMatching(message) });
  });
});

test.each([
  [
    'a token twice',
    { ...BYTE_LEVEL, 'tokenizer.ggml.tokens': ['<eos>', 'a', 'a', 'ab'], 'tokenizer.ggml.eos_token_id': 0 },
    { bosTokenId: undefined, eosTokenIds: [0] },
  ],
  [
    'an end beyond the tokens',
    { ...BYTE_LEVEL, 'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 99 },
    { bosTokenId: 1, eosTokenIds: [] },
  ],
  [
    'another kind',
    { ...BYTE_LEVEL, 'tokenizer.ggml.model': 'bert', 'tokenizer.ggml.eot_token_id': 2 },
    { bosTokenId: undefined, eosTokenIds: [2] },
  ],
])('a model of a vocabulary with %s still has the ends that its metadata name, for work with ids', (_, metadata, ids) => {
  expect(readGgufTokenIds(new Map(Object.entries<MetadataValue>(metadata)), 'model.gguf')).toEqual(ids);
});

test('BOS and EOS are added as the file says, and as its kind does where it is silent', () => {
  const silent = rebuild(SENTENCE_PIECE).json['post_processor'];
  const without = rebuild({ ...SENTENCE_PIECE, 'tokenizer.ggml.add_bos_token': false }).json['post_processor'];
  const both = rebuild({ ...SENTENCE_PIECE, 'tokenizer.ggml.add_eos_token': true, 'tokenizer.ggml.eos_token_id': 0 }).json[
    'post_processor'
  ];
  expect(silent).toMatchObject({ single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }] });
  expect(without).toBeNull();
  expect(both).toMatchObject({ single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }, { SpecialToken: { id: '<unk>' } }] });
});

test('control tokens are special, user-defined ones are added but not special, chat template and names are kept', () => {
  const types = Int32Array.of(3, 4, 1, 1);
  const { json, config, eosTokenIds } = rebuild({
    ...BYTE_LEVEL,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.eos_token_id': 0,
    'tokenizer.chat_template': '{{ x }}',
  });
  expect(json['added_tokens']).toMatchObject([
    { id: 0, special: true },
    { id: 1, special: false },
  ]);
  expect(config).toMatchObject({ eos_token: '<eos>', chat_template: '{{ x }}' });
  expect(eosTokenIds).toEqual([0]);
});

test('merges go by score, then by length, and leave out what is not a normal piece', () => {
  const pieces = ['<s>', 'a', 'b', 'ab', 'aba', 'abab', 's>', '<'];
  const scores = [0, -9, -8, -1, -3, -2, -5, -6];
  const merges = mergesFromScores(pieces, scores, (id) => id !== 0);
  expect(merges).toEqual([
    ['a', 'b'],
    ['aba', 'b'],
    ['ab', 'ab'],
    ['ab', 'a'],
  ]);
});

describe('The ends of a text', () => {
  const tokens = ['<eos>', 'a', 'b', 'ab', '<|im_end|>', '</s>', '<stop here>', '<user>'];
  const types = Int32Array.of(3, 1, 1, 1, 1, 3, 3, 3);
  const ends = (changes: Record<string, MetadataValue>) =>
    rebuild({
      ...BYTE_LEVEL,
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': types,
      'tokenizer.ggml.eos_token_id': 5,
      ...changes,
    }).eosTokenIds;
  const template = (end: string) => `{% for message in messages %}<user>{{ message.content }}${end}\n{% endfor %}`;

  test('are those that keys name, then those that are known by their text', () => {
    expect(ends({})).toEqual([5, 0, 4]);
    expect(ends({ 'tokenizer.ggml.eot_token_id': 6 })).toEqual([5, 6, 0, 4]);
    expect(ends({ 'tokenizer.ggml.eom_token_id': 7, 'tokenizer.ggml.fim_sep_token_id': 3 })).toEqual([5, 7, 3, 0, 4]);
  });

  test('is what the template writes after an answer, whatever its text', () => {
    expect(ends({ 'tokenizer.chat_template': template('<stop here>') })).toEqual([5, 0, 4, 6]);
    expect(ends({ 'tokenizer.chat_template': template(' \n<stop here>') })).toEqual([5, 0, 4, 6]);
  });

  test('is not what begins turns, nor plain text, and a broken template is no hindrance', () => {
    expect(ends({ 'tokenizer.chat_template': template('<user>') })).toEqual([5, 0, 4]);
    expect(ends({ 'tokenizer.chat_template': template('ab') })).toEqual([5, 0, 4]);
    expect(ends({ 'tokenizer.chat_template': '{% for %}' })).toEqual([5, 0, 4]);
  });

  test('of harmony is not <|end|>, and beside <|tool_response> not </s>', () => {
    const harmony = ['<eos>', 'a', 'b', 'ab', '<|end|>', '<|return|>', '<|call|>', '<|end_of_text|>'];
    expect(ends({ 'tokenizer.ggml.tokens': harmony })).toEqual([5, 0, 6, 7]);
    expect(ends({ 'tokenizer.ggml.tokens': ['x', 'a', 'b', 'ab', '<|tool_response>', '</s>'], 'tokenizer.ggml.eos_token_id': 0 })).toEqual([
      0, 4,
    ]);
  });

  test('are special, though the file calls them normal', () => {
    const added = rebuild({ ...BYTE_LEVEL, 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.token_type': types }).json['added_tokens'];
    expect(added).toContainEqual(expect.objectContaining({ content: '<|im_end|>', special: true }));
  });
});

describe('Tokens that files hold and texts do not', () => {
  const odd = {
    ...SENTENCE_PIECE,
    'tokenizer.ggml.tokens': ['<unk>', '<s>', 'c', 'b', '\udce6\udc97', '\udca5', '', '▁'],
    'tokenizer.ggml.scores': new Float32Array(9),
    'tokenizer.ggml.token_type': Int32Array.of(2, 3, 1, 1, 1, 1, 1, 1, 1),
  };
  const load = () => Tokenizer.fromFiles({ kind: 'gguf', path: 'odd.gguf', metadata: new Map(Object.entries(odd)) });

  test('empty ones are called as llama.cpp calls them', async () => {
    expect((await load()).tokenText(6)).toBe('[EMPTY_6]');
  });

  test('bytes that are no UTF-8 are kept, and make characters with their neighbours', async () => {
    const tokenizer = await load();
    expect(Buffer.from(tokenizer.tokenBytes(4)).toString('hex')).toBe('e697');
    expect(await tokenizer.decode([7, 3, 4, 5])).toBe('b日');
    expect(await tokenizer.decode([1, 3, 4], { skipSpecialTokens: true })).toBe('b\ufffd\ufffd');
  });
});

test('the id -1, written without a sign, is none; sentencepiece has ids of its own then', () => {
  expect(rebuild({ ...BYTE_LEVEL, 'tokenizer.ggml.bos_token_id': 0xffff_ffff })).toMatchObject({ bosTokenId: undefined });
  expect(rebuild({ ...SENTENCE_PIECE, 'tokenizer.ggml.bos_token_id': 0xffff_ffff })).toMatchObject({ bosTokenId: 1, eosTokenIds: [2] });
});

test('arrays longer than the vocabulary are cut', () => {
  expect(
    rebuild({
      ...SENTENCE_PIECE,
      'tokenizer.ggml.scores': new Float32Array(9),
      'tokenizer.ggml.token_type': Int32Array.of(2, 3, 1, 1, 1, 9, 9),
    }).json['added_tokens'],
  ).toHaveLength(2);
});

test.each([...BYTE_LEVEL_RECIPES.keys()])('the pre-tokenizer %s is one that loads, and loses no character', async (pre) => {
  const metadata = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': byteLevelAlphabet(),
    'tokenizer.ggml.merges': [],
  };
  const tokenizer = await Tokenizer.fromFiles({ kind: 'gguf', path: 'bytes.gguf', metadata: new Map(Object.entries(metadata)) });
  const text = "I'll say  12345 things,\r\n\tdon't I? Ünïcode 日本語 한국어 ﬁ 👍🏽 ... ";
  const ids = await tokenizer.encode(text);
  expect(await tokenizer.decode(ids)).toBe(text);
});
