import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainFlags } from '../../lib/model/config-flags.ts';
import { readGgufConfig } from '../../lib/model/gguf-config.ts';
import { llama3Divisors, resolveRopeFrequencies } from '../../lib/model/gguf-rope.ts';
import type { GgufTensor } from '../../lib/model/gguf.ts';
import { readGgufHeader } from '../../lib/model/gguf.ts';
import { readGgufTokenIds } from '../../lib/tokenizer/gguf-tokenizer.ts';
import type { MetadataValue } from '../../lib/tokenizer/metadata.ts';
import { GgufBytes } from './gguf-bytes.ts';

const METADATA: Record<string, MetadataValue> = {
  'general.architecture': 'llama',
  'llama.context_length': 64,
  'llama.embedding_length': 32,
  'llama.block_count': 2,
  'llama.feed_forward_length': 48,
  'llama.attention.head_count': 4,
  'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
};
const EMBEDDING: GgufTensor = {
  path: 'model.gguf',
  name: 'token_embd.weight',
  type: 'F32',
  shape: [100, 32],
  offset: 0,
  byteLength: 12800,
};

function read(changes: Record<string, MetadataValue> = {}, tensors: GgufTensor[] = [EMBEDDING]) {
  return readGgufConfig(new Map(Object.entries({ ...METADATA, ...changes })), tensors, 'model.gguf');
}

test("Settings that the metadata leave out are llama.cpp's defaults", () => {
  const sizes = {
    vocabSize: 100,
    hiddenSize: 32,
    intermediateSize: 48,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    numKeyValueHeads: 4,
    headDim: 8,
    maxPositionEmbeddings: 64,
  };
  expect(read()).toEqual({
    ...plainFlags(sizes),
    ...sizes,
    modelType: 'llama',
    normEps: 1e-5,
    ropeTheta: 10000,
    ropeScaling: { type: 'default' },
    tieWordEmbeddings: true,
  });
});

test.each([
  ['key/value heads', { 'llama.attention.head_count_kv': 2 }, { numKeyValueHeads: 2 }],
  [
    'the head dimension',
    { 'llama.attention.key_length': 16, 'llama.attention.value_length': 16, 'llama.rope.dimension_count': 16 },
    { headDim: 16 },
  ],
  [
    'linear scaling',
    { 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 4 },
    { ropeScaling: { type: 'linear', factor: 4 } },
  ],
  ['linear scaling in the old way', { 'llama.rope.scale_linear': 2 }, { ropeScaling: { type: 'linear', factor: 2 } }],
  [
    'YaRN',
    {
      'llama.rope.scaling.type': 'yarn',
      'llama.rope.scaling.factor': 4,
      'llama.rope.scaling.original_context_length': 16,
      'llama.rope.scaling.attn_factor': 2,
    },
    {
      ropeScaling: {
        type: 'yarn',
        factor: 4,
        betaFast: 32,
        betaSlow: 1,
        attentionFactor: 2 * (0.1 * Math.log(4) + 1),
        truncate: true,
        originalMaxPositionEmbeddings: 16,
      },
    },
  ],
  ['a window', { 'llama.attention.sliding_window': 8 }, { modelType: 'mistral', layerWindows: [8, 8] }],
  ['the rotary base, as the decimal that was meant', { 'llama.rope.freq_base': Math.fround(1234567.1) }, { ropeTheta: 1234567.1 }],
])('Metadata say %s', (_, changes, expected) => {
  expect(read(changes as Record<string, MetadataValue>)).toMatchObject(expected);
});

test.each([
  ['another architecture', { 'general.architecture': 'mamba' }, 'ERR_UNSUPPORTED_MODEL', /`general.architecture` "mamba"/],
  ['experts', { 'llama.expert_count': 8 }, 'ERR_UNSUPPORTED_MODEL', /`llama.expert_count` 8/],
  ['half of a head rotated', { 'llama.rope.dimension_count': 4 }, 'ERR_UNSUPPORTED_MODEL', /`llama.rope.dimension_count` 4/],
  ['a key that is not known', { 'llama.logit_scale': 2 }, 'ERR_UNSUPPORTED_MODEL', /`llama.logit_scale` 2/],
  ['long rope', { 'llama.rope.scaling.type': 'longrope' }, 'ERR_UNSUPPORTED_MODEL', /`llama.rope.scaling.type` "longrope"/],
  ['a factor of YaRN without it', { 'llama.rope.scaling.attn_factor': 2 }, 'ERR_UNSUPPORTED_MODEL', /`llama.rope.scaling.attn_factor` 2/],
  ['sizes per layer', { 'llama.feed_forward_length': Int32Array.of(48, 64) }, 'ERR_MODEL_FILES', /`feed_forward_length`/],
  ['no layers', { 'llama.block_count': 0 }, 'ERR_MODEL_FILES', /`block_count`, got 0/],
])('Refused: %s', (_, changes, code, message) => {
  let thrown: unknown;
  try {
    read(changes as Record<string, MetadataValue>);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code, message: expect.stringMatching(message) });
});

describe('Gemma', () => {
  const gemma = (architecture: string, changes: Record<string, MetadataValue>) => {
    const renamed = Object.entries(METADATA).map(([key, value]) => [key.replace('llama', architecture), value] as const);
    const metadata = new Map<string, MetadataValue>([
      ...renamed,
      ['general.architecture', architecture],
      [`${architecture}.attention.sliding_window`, 8],
    ]);
    for (const [key, value] of Object.entries(changes)) metadata.set(`${architecture}.${key}`, value);
    return readGgufConfig(metadata, [EMBEDDING], 'model.gguf');
  };

  test('the deepest models scale queries by hidden size per head', () => {
    const sizes = { 'attention.key_length': 16, 'attention.value_length': 16 };
    expect(gemma('gemma2', sizes).queryScale).toBe(16 ** -0.5);
    expect(gemma('gemma2', { ...sizes, block_count: 46 }).queryScale).toBe(8 ** -0.5);
    expect(gemma('gemma3', { ...sizes, block_count: 62 }).queryScale).toBe(8 ** -0.5);
  });

  test('which layers slide may be said by a period or one by one', () => {
    expect(gemma('gemma3', { block_count: 3, 'attention.sliding_window_pattern': 2 })).toMatchObject({
      layerWindows: [8, 0, 8],
      layerRopes: ['local', 'global', 'local'],
    });
    expect(gemma('gemma3', { 'attention.sliding_window_pattern': [false, true] }).layerWindows).toEqual([0, 8]);
    expect(() => gemma('gemma3', { 'attention.sliding_window_pattern': [false] })).toThrow(/one true or false a layer/);
  });

  test('the local rotary base may be given', () => {
    expect(gemma('gemma3', {}).localRopeTheta).toBe(10000);
    expect(gemma('gemma3', { 'rope.freq_base_swa': 500 }).localRopeTheta).toBe(500);
  });

  test('a key of another architecture is refused', () => {
    expect(() => gemma('gemma3', { attn_logit_softcapping: 50 })).toThrow(/gemma3.attn_logit_softcapping/);
  });
});

test('A stale vocab_size gives way to the rows of the embedding', () => {
  expect(read({ 'llama.vocab_size': 99 }).vocabSize).toBe(100);
  expect(read({ 'llama.vocab_size': 99 }, []).vocabSize).toBe(99);
});

test('The ids that begin and end a text', () => {
  const ids = new Map<string, MetadataValue>([
    ['tokenizer.ggml.bos_token_id', 1],
    ['tokenizer.ggml.eos_token_id', 2],
    ['tokenizer.ggml.eot_token_id', 3],
  ]);
  expect(readGgufTokenIds(ids, 'model.gguf')).toEqual({ bosTokenId: 1, eosTokenIds: [2, 3] });
  expect(readGgufTokenIds(new Map(), 'model.gguf')).toEqual({ bosTokenId: undefined, eosTokenIds: [] });
});

describe('Rotary frequencies in a tensor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-rope-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const config = { ...read(), headDim: 64, ropeTheta: 500000 };
  const scaling = { type: 'llama3', factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 8192 } as const;

  async function resolve(divisors: number[]) {
    const path = join(folder, 'rope.gguf');
    const bytes = Buffer.from(Float32Array.from(divisors).buffer);
    writeFileSync(path, Buffer.concat([new GgufBytes().tensor('rope_freqs.weight', [divisors.length], 0, 0).pad(32).build(), bytes]));
    return resolveRopeFrequencies((await readGgufHeader(path)).tensors, config);
  }

  test("are Llama 3's scaling", async () => {
    const divisors = llama3Divisors(config, scaling);
    // transformers' ROPE_INIT_FUNCTIONS['llama3'], float32.
    const expected = [1, 1.6513291597366333, 3.292262554168701, 9.666729927062988, 32];
    expect(divisors.slice(14, 19).every((divisor, index) => Math.abs(divisor / expected[index]! - 1) < 1e-6)).toBe(true);
    expect(await resolve(divisors)).toEqual({ ...config, ropeScaling: scaling });
  });

  test('that divide by one change nothing', async () => {
    expect(await resolve(new Array<number>(32).fill(1))).toEqual(config);
  });

  test('of any other origin are refused', async () => {
    const divisors = llama3Divisors(config, scaling).map((divisor, index) => (index === 20 ? divisor * 1.01 : divisor));
    await expect(resolve(divisors)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED_MODEL' });
    await expect(resolve([1, 32])).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED_MODEL' });
  });
});
