import type { ModelConfig } from '../../lib/addon-types.ts';
import { readConfigJson } from '../../lib/model/config.ts';
import type { JsonObject } from '../../lib/model/json.ts';

/** What counts where two keys say different things; the right column is what transformers 5.17 computes. */

const SIZES = {
  vocab_size: 61,
  hidden_size: 24,
  intermediate_size: 31,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  head_dim: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 100,
};
const ONE_TABLE = ['llama', 'mistral', 'qwen2', 'qwen3', 'smollm3', 'gemma2'];
const LINEAR = { rope_type: 'linear', factor: 8 };
const YARN = { rope_type: 'yarn', factor: 4 };
const TYPES = ['sliding_attention', 'full_attention', 'full_attention'];

function read(model_type: string, changes: JsonObject, notes: string[] = []): ModelConfig {
  return readConfigJson({ model_type, ...SIZES, ...changes }, 'config.json', (note) => notes.push(note));
}

describe.each(ONE_TABLE)('Rotary settings of %s', (family) => {
  const gemma = { query_pre_attn_scalar: 8, sliding_window: 5 };
  const rope = (changes: JsonObject, notes: string[] = []) => {
    const { ropeTheta, ropeScaling } = read(family, { ...(family === 'gemma2' ? gemma : {}), ...changes }, notes);
    return { ropeTheta, ...ropeScaling };
  };
  const yarn = (originalMaxPositionEmbeddings: number) => ({ type: 'yarn', factor: 4, originalMaxPositionEmbeddings });

  test('rope_scaling counts before rope_parameters, and says so', () => {
    const notes: string[] = [];
    expect(rope({ rope_parameters: { rope_type: 'linear', factor: 2 }, rope_scaling: LINEAR }, notes)).toEqual({
      ropeTheta: 100,
      ...{ type: 'linear', factor: 8 },
    });
    expect(notes).toEqual([expect.stringContaining('`rope_scaling` counts')]);
  });

  test.each<[string, JsonObject, object]>([
    ['an empty rope_scaling is none', { rope_scaling: {}, rope_parameters: LINEAR }, { ropeTheta: 100, type: 'linear', factor: 8 }],
    [
      'the base within rope_parameters does not count beside rope_scaling',
      { rope_parameters: { rope_theta: 7 }, rope_scaling: LINEAR },
      { ropeTheta: 100 },
    ],
    ['the base within goes before the one beside', { rope_parameters: { ...LINEAR, rope_theta: 7 } }, { ropeTheta: 7 }],
    ['the base beside counts', { rope_parameters: LINEAR }, { ropeTheta: 100 }],
    [
      'the original context beside goes before the one within',
      { original_max_position_embeddings: 32, rope_scaling: { ...YARN, original_max_position_embeddings: 8 } },
      yarn(32),
    ],
    ['the original context within', { rope_scaling: { ...YARN, original_max_position_embeddings: 8 } }, yarn(8)],
    ['no original context is the context', { rope_scaling: YARN }, yarn(64)],
    ['yarn without a number for its factor', { rope_scaling: { ...YARN, factor: null, original_max_position_embeddings: 16 } }, yarn(16)],
    ['rope_type goes before its old name', { rope_scaling: { type: 'dynamic', rope_type: 'linear', factor: 8 } }, { type: 'linear' }],
    ['one mscale alone does not count', { rope_scaling: { ...YARN, mscale: 0.5 } }, { attentionFactor: 0.1 * Math.log(4) + 1 }],
    [
      'an mscale of 0 does not count',
      { rope_scaling: { ...YARN, mscale: 0, mscale_all_dim: 1 } },
      { attentionFactor: 0.1 * Math.log(4) + 1 },
    ],
  ])('%s', (_, changes, expected) => {
    expect(rope(changes)).toMatchObject(expected);
  });

  test('a factor without a type does not count, and that is said', () => {
    const notes: string[] = [];
    expect(rope({ rope_scaling: { factor: 8 } }, notes)).toEqual({ ropeTheta: 100, type: 'default' });
    expect(notes).toEqual([expect.stringContaining('`rope_scaling.factor` 8 does not count')]);
  });

  test.each<[string, JsonObject]>([
    ['a base that is null', { rope_theta: null }],
    ['an original context beside that is null', { original_max_position_embeddings: null, rope_scaling: YARN }],
    ['no factor', { rope_scaling: { rope_type: 'yarn' } }],
    ['a type that is null beside an old one', { rope_scaling: { rope_type: null, type: 'linear', factor: 2 } }],
    ['tables for kinds of layers', { rope_parameters: { full_attention: LINEAR } }],
  ])('refused: %s', (_, changes) => {
    expect(() => rope(changes)).toThrow(/config\.json/);
  });
});

describe('The two rotary tables of a Gemma 3', () => {
  const GEMMA3 = { query_pre_attn_scalar: 8, sliding_window: 5, layer_types: TYPES };
  const rope = (changes: JsonObject, notes: string[] = []) => {
    const { ropeTheta, ropeScaling, localRopeTheta } = read('gemma3_text', { ...GEMMA3, ...changes }, notes);
    return { ropeTheta, localRopeTheta, ...ropeScaling };
  };
  const PLAIN = { rope_type: 'default' };

  test.each<[string, JsonObject, object]>([
    [
      'bases beside, none within',
      { rope_theta: 77, rope_local_base_freq: 33, rope_parameters: { full_attention: PLAIN, sliding_attention: PLAIN } },
      { ropeTheta: 77, localRopeTheta: 33, type: 'default' },
    ],
    [
      'one table only',
      { rope_theta: 77, rope_local_base_freq: 33, rope_parameters: { full_attention: { ...LINEAR, rope_theta: 5 } } },
      { ropeTheta: 5, localRopeTheta: 33, type: 'linear' },
    ],
    [
      'rope_scaling is laid over the full table',
      { rope_parameters: { full_attention: { ...PLAIN, rope_theta: 9 }, sliding_attention: PLAIN }, rope_scaling: LINEAR },
      { ropeTheta: 9, type: 'linear', factor: 8, localRopeTheta: 1e4 },
    ],
    [
      'the original context beside does not count',
      { original_max_position_embeddings: 16, rope_scaling: YARN },
      { type: 'yarn', originalMaxPositionEmbeddings: 64 },
    ],
    [
      'the original context within does',
      { original_max_position_embeddings: 16, rope_scaling: { ...YARN, original_max_position_embeddings: 8 } },
      { originalMaxPositionEmbeddings: 8 },
    ],
    ['truncate within does not count', { rope_scaling: { ...YARN, truncate: false } }, { truncate: true }],
  ])('%s', (_, changes, expected) => {
    expect(rope(changes)).toMatchObject(expected);
  });

  test('the old key `type` of rope_scaling does not count, and that is said', () => {
    const notes: string[] = [];
    expect(rope({ rope_scaling: { type: 'linear', factor: 8 } }, notes)).toMatchObject({ type: 'default' });
    expect(notes).toEqual([expect.stringContaining('`rope_scaling.type` "linear" does not count')]);
  });

  test.each<[string, JsonObject]>([
    ['a flat table', { rope_parameters: LINEAR }],
    ['rope_scaling without a full table to lie over', { rope_parameters: { sliding_attention: PLAIN }, rope_scaling: LINEAR }],
    ['a scaled sliding table', { rope_parameters: { full_attention: PLAIN, sliding_attention: LINEAR } }],
  ])('refused: %s', (_, changes) => {
    expect(() => rope(changes)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED_MODEL' }));
  });

  test('are chosen by sliding_window_pattern; _sliding_window_pattern is not read, and that is said', () => {
    const notes: string[] = [];
    const windows = (changes: JsonObject) =>
      read('gemma3_text', { query_pre_attn_scalar: 8, sliding_window: 5, ...changes }, notes).layerWindows;
    expect(windows({ _sliding_window_pattern: 2 })).toEqual([5, 5, 5]);
    expect(windows({ _sliding_window_pattern: 2, sliding_window_pattern: 3 })).toEqual([5, 5, 0]);
    expect(notes).toHaveLength(2);
    expect(windows({ _sliding_window_pattern: 2, layer_types: TYPES })).toEqual([5, 0, 0]);
    expect(notes).toHaveLength(2);
  });
});

describe('Windows', () => {
  test.each<[string, string, JsonObject, number[]]>([
    [
      'of a Mistral, whatever use_sliding_window says',
      'mistral',
      { sliding_window: 5, use_sliding_window: false, max_window_layers: 1 },
      [5, 5, 5],
    ],
    ['of a SmolLM3 by layer_types alone', 'smollm3', { sliding_window: 5, layer_types: TYPES }, [5, 0, 0]],
    [
      'of a SmolLM3 by layer_types against use_sliding_window',
      'smollm3',
      { sliding_window: 5, use_sliding_window: false, layer_types: TYPES },
      [5, 0, 0],
    ],
    [
      'of a SmolLM3 that uses them, in layers without rotation',
      'smollm3',
      { sliding_window: 5, use_sliding_window: true, no_rope_layers: [1, 0, 1] },
      [0, 5, 0],
    ],
    ['of a Qwen from a layer on', 'qwen2', { sliding_window: 5, use_sliding_window: true, max_window_layers: 1 }, [0, 5, 5]],
    ['of a Qwen from layer 0 on', 'qwen3', { sliding_window: 5, use_sliding_window: true, max_window_layers: 0 }, [5, 5, 5]],
    ['of a Qwen that uses none', 'qwen2', { sliding_window: 5, max_window_layers: 1 }, [0, 0, 0]],
  ])('%s', (_, family, changes, expected) => {
    expect(read(family, changes).layerWindows).toEqual(expected);
  });

  test('of a Qwen by layer_types while use_sliding_window is off are refused, as transformers fails', () => {
    expect(() => read('qwen2', { sliding_window: 5, layer_types: TYPES })).toThrow(/`layer_types`/);
  });
});

describe('null', () => {
  test.each(['llama', 'mistral', 'qwen2', 'qwen3', 'smollm3'])('for the key/value heads of %s is one for each head', (family) => {
    expect(read(family, { num_key_value_heads: null }).numKeyValueHeads).toBe(4);
  });

  test.each<[string, JsonObject]>([
    ['gemma2', { num_key_value_heads: null }],
    ['gemma3_text', { num_key_value_heads: null }],
    ['gemma2', { head_dim: null }],
    ['qwen3', { head_dim: null }],
    ['llama', { rms_norm_eps: null }],
    ['gemma2', { tie_word_embeddings: null }],
    ['qwen2', { max_position_embeddings: null }],
    ['gemma3_text', { num_attention_heads: null }],
  ])('is no default, and refused where transformers refuses it: %s %j', (family, changes) => {
    expect(() => read(family, changes)).toThrow(new RegExp(`\`${Object.keys(changes)[0]}\`, got null`));
  });
});

test('GPT-2 takes the usual names of its sizes too, which win', () => {
  const sizes = { model_type: 'gpt2', vocab_size: 61, n_embd: 24, n_layer: 3, n_head: 4, n_positions: 64 };
  expect(
    readConfigJson({ ...sizes, hidden_size: 32, max_position_embeddings: 80, num_attention_heads: 2, num_hidden_layers: 1 }, 'config.json'),
  ).toMatchObject({
    hiddenSize: 32,
    intermediateSize: 128,
    numAttentionHeads: 2,
    numKeyValueHeads: 2,
    headDim: 16,
    numHiddenLayers: 1,
    maxPositionEmbeddings: 80,
  });
});

describe('The row of the embedding that learns nothing from being read', () => {
  test.each<[string, string, JsonObject, number]>([
    ['is that of pad_token_id', 'llama', { pad_token_id: 2 }, 2],
    ['also where that ends texts', 'qwen2', { pad_token_id: 2, eos_token_id: 2 }, 2],
    ['counted from the end below zero, as old files have it', 'llama', { pad_token_id: -1 }, 60],
    ['is none without it', 'mistral', {}, -1],
    ['is none by null', 'gemma2', { query_pre_attn_scalar: 8, pad_token_id: null }, -1],
    ['is the first of a Gemma that is silent', 'gemma3_text', { query_pre_attn_scalar: 8 }, 0],
    ['is none outside of the vocabulary', 'smollm3', {}, -1],
    ['is none in GPT-2', 'gpt2', { n_embd: 24, n_layer: 3, n_head: 4, n_positions: 64, pad_token_id: 2 }, -1],
  ])('%s', (_, family, changes, expected) => {
    const raw = family === 'gpt2' ? { model_type: family, vocab_size: 61, ...changes } : { model_type: family, ...SIZES, ...changes };
    expect(readConfigJson(raw, 'config.json').paddingIndex).toBe(expected);
  });

  test('is refused as a text', () => {
    expect(() => read('llama', { pad_token_id: '<pad>' })).toThrow(/an id or null for `pad_token_id`, got "<pad>"/);
    expect(() => read('llama', { pad_token_id: { toString: 1 } })).toThrow(/an id or null for `pad_token_id`, got/);
  });
});

test('A context beyond what rotary tables can hold is cut before they are made', () => {
  expect(read('llama', { max_position_embeddings: 1e9 }).maxPositionEmbeddings).toBe(2 ** 20);
  expect(read('llama', { max_position_embeddings: 1e9, rope_scaling: YARN }).ropeScaling).toMatchObject({
    originalMaxPositionEmbeddings: 1e9,
  });
});
