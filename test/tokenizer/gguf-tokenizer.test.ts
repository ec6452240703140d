import { rebuildTokenizer } from '../../lib/tokenizer/gguf-tokenizer.ts';
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
    ['an unknown pre-tokenizer', { ...BYTE_LEVEL, 'tokenizer.ggml.pre': 'tekken' }, /gpt-2, smollm, llama-bpe, qwen2.*got "tekken"/],
    ['no tokens', { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'gpt-2' }, /tokenizer\.ggml\.tokens/],
    ['tokens that are numbers', { ...BYTE_LEVEL, 'tokenizer.ggml.tokens': Int32Array.of(1, 2) }, /tokenizer\.ggml\.tokens/],
    ['a token twice', { ...BYTE_LEVEL, 'tokenizer.ggml.tokens': ['a', 'a', 'b', 'ab'] }, /each token once/],
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

test('BOS and EOS are added as the file says, and as its kind does where it is silent', () => {
  const silent = rebuild(SENTENCE_PIECE).json['post_processor'];
  const without = rebuild({ ...SENTENCE_PIECE, 'tokenizer.ggml.add_bos_token': false }).json['post_processor'];
  const both = rebuild({ ...SENTENCE_PIECE, 'tokenizer.ggml.add_eos_token': true, 'tokenizer.ggml.eos_token_id': 0 }).json['post_processor'];
  expect(silent).toMatchObject({ single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }] });
  expect(without).toBeNull();
  expect(both).toMatchObject({ single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }, { SpecialToken: { id: '<unk>' } }] });
});

test('control tokens are special, user-defined ones are added but not special, chat template and names are kept', () => {
  const types = Int32Array.of(3, 4, 1, 1);
  const { json, config, eosTokenIds } = rebuild({ ...BYTE_LEVEL, 'tokenizer.ggml.token_type': types, 'tokenizer.ggml.eos_token_id': 0, 'tokenizer.chat_template': '{{ x }}' });
  expect(json['added_tokens']).toMatchObject([{ id: 0, special: true }, { id: 1, special: false }]);
  expect(config).toMatchObject({ eos_token: '<eos>', chat_template: '{{ x }}' });
  expect(eosTokenIds).toEqual([0]);
});

test('merges go by score, then by length, and leave out what is not a normal piece', () => {
  const pieces = ['<s>', 'a', 'b', 'ab', 'aba', 'abab', 's>', '<'];
  const scores = [0, -9, -8, -1, -3, -2, -5, -6];
  const merges = mergesFromScores(pieces, scores, (id) => id !== 0);
  expect(merges).toEqual([['a', 'b'], ['aba', 'b'], ['ab', 'ab'], ['ab', 'a']]);
});
