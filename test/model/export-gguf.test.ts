import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelConfig } from '../../lib/addon-types.ts';
import { typeOfTensor } from '../../lib/model/gguf-mix.ts';
import type { GgufFileType } from '../../lib/model/gguf-mix.ts';
import { readGgufParts } from '../../lib/model/gguf-parts.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { Model } from '../../lib/model/model.ts';
import { largestDifference } from '../oracle/differences.ts';
import { readAll, readNumbers, withModel } from '../oracle/models.ts';

const MODELS = join(__dirname, '..', 'fixtures', 'models');
/** Tiny models of every family in forms that llama.cpp computes. */
const EXPORTED = [
  'llama-tied-gqa',
  'llama-untied-mha',
  'llama-bias',
  'llama-linear-rope',
  'llama-dynamic-rope',
  'llama-yarn-rope',
  'llama3-rope',
  'llama-sharded',
  'mistral-tied-mha',
  'mistral-window',
  'qwen2-tied-gqa',
  'qwen2-window-mha',
  'qwen3-tied-gqa',
  'gemma2-tied-gqa',
  'gemma3-tied-gqa',
  'gemma3-untied-mha',
  'gpt2-tied',
  'tiny-text',
];
const REFUSED: [string, RegExp][] = [
  ['gemma2-untied-mha', /head of its own.*Gemma 2/],
  ['gpt2-untied-odd', /`activation` "gelu"/],
  ['imagegpt-even', /`model_type` "imagegpt"/],
  ['qwen3-window-mha', /bias of `o_proj`.*qwen3/],
  ['smollm3-tied-gqa', /`layerRopes`/],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-export-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sequenceLength = 24;
const batchOf = (vocabSize: number) => ({
  tokens: Int32Array.from({ length: 2 * sequenceLength }, (_, index) => (7 * index + 3) % vocabSize),
  batchSize: 2,
  sequenceLength,
});

async function logitsOf(model: Model): Promise<Float64Array> {
  const { logits } = await model.forward(batchOf(model.config.vocabSize));
  const numbers = readNumbers(logits);
  logits.dispose();
  return numbers;
}

describe('A model exported as F32 and read again', () => {
  test.each(EXPORTED)('%s: its parameters and its logits', async (name) => {
    const path = join(folder, `${name}.gguf`);
    await withModel(join(MODELS, name), 'cpu', async (model) => {
      const { bytes, paths } = await model.exportGguf(path, { type: 'F32' });
      expect(paths).toEqual([path]);
      expect(readFileSync(path).length).toBe(bytes);
      await withModel(path, 'cpu', async (again) => {
        const isScaled = Math.abs(model.config.queryScale / again.config.queryScale - 1) > 1e-6;
        const [given, got] = [readAll(model.parameters()), readAll(again.parameters())];
        expect([...got.keys()]).toEqual([...given.keys()]);
        for (const [parameter, numbers] of given) {
          const changes = isScaled && /q_proj|q_norm/.test(parameter);
          // Norms that are stored as 1 + w lose the bits below those of 1.
          if (!changes)
            expect({ parameter, difference: largestDifference(got.get(parameter)!, numbers) }).toEqual({
              parameter,
              difference: model.config.normOffset && /norm/.test(parameter) ? expect.closeTo(0, 6) : 0,
            });
        }
        expect(largestDifference(await logitsOf(again), await logitsOf(model))).toBeLessThan(model.config.normOffset ? 2e-5 : 1e-6);
      });
    });
  });

  test.each(REFUSED)('%s is refused by name, since llama.cpp computes it otherwise', async (name, message) => {
    const path = join(folder, `${name}.gguf`);
    await withModel(join(MODELS, name), 'cpu', async (model) => {
      await expect(model.exportGguf(path, { type: 'F32' })).rejects.toMatchObject({
        code: 'ERR_UNSUPPORTED_MODEL',
        message: expect.stringMatching(message),
      });
    });
    expect(existsSync(path)).toBe(false);
  });
});

describe('The file', () => {
  const source = join(MODELS, 'llama-tied-gqa');
  const load = () => Model.load(source);

  test('is split by size as llama.cpp does, and read again from its first part', async () => {
    const path = join(folder, 'parts.gguf');
    const model = await load();
    const { paths } = await model.exportGguf(path, { type: 'F32', splitMaxSize: 12_000 });
    expect(paths.length).toBeGreaterThan(2);
    expect(paths[0]).toBe(join(folder, `parts-00001-of-${String(paths.length).padStart(5, '0')}.gguf`));
    expect(existsSync(path)).toBe(false);
    const { metadata } = await readGgufParts(paths[0]!);
    expect([metadata.get('split.no'), metadata.get('split.count')]).toEqual([0, paths.length]);
    await withModel(paths[0]!, 'cpu', async (again) => expect(largestDifference(await logitsOf(again), await logitsOf(model))).toBe(0));
    model.dispose();
  });

  test('is not replaced unless asked, and then as a whole', async () => {
    const path = join(folder, 'kept.gguf');
    await writeFile(path, 'kept');
    const model = await load();
    await expect(model.exportGguf(path)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/there already.*overwrite/),
    });
    expect(readFileSync(path, 'utf8')).toBe('kept');
    await model.exportGguf(path, { overwrite: true });
    expect((await openModelFiles(path)).config.hiddenSize).toBe(model.config.hiddenSize);
    model.dispose();
  });

  test('that the model came from is never written over', async () => {
    const path = join(folder, 'own.gguf');
    const first = await load();
    await first.exportGguf(path);
    first.dispose();
    const model = await Model.load(path);
    await expect(model.exportGguf(path, { overwrite: true })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/from which this model was loaded/),
    });
    model.dispose();
  });

  test('is gone when writing is cancelled or fails, and progress adds up', async () => {
    const path = join(folder, 'cancelled.gguf');
    const model = await load();
    const stop = new AbortController();
    await expect(
      model.exportGguf(path, {
        signal: stop.signal,
        onProgress: ({ bytesDone, bytes }) => bytesDone > bytes / 2 && stop.abort(new Error('enough')),
      }),
    ).rejects.toThrow('enough');
    const parameter = model.parameters().get('model.norm.weight')!;
    const bias = parameter.mul(Number.NaN);
    parameter.copy_(bias);
    await expect(model.exportGguf(path)).rejects.toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringMatching(/output_norm\.weight/),
    });
    parameter.dispose();
    bias.dispose();
    expect(readdirSync(folder).filter((name) => name.startsWith('cancelled'))).toEqual([]);
    model.dispose();
    const whole = await load();
    const seen: number[] = [];
    await whole.exportGguf(path, { onProgress: ({ bytesDone, bytes }) => seen.push(bytesDone / bytes) });
    whole.dispose();
    expect(seen.at(-1)).toBeCloseTo(1, 12);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  test.each<[string, object, RegExp]>([
    ['model.bin', {}, /ends in \.gguf/],
    ['x.gguf', { type: 'Q3_K' }, /one of F32, .*Q4_0 for `type`, got "Q3_K"/],
    ['x.gguf', { splitMaxSize: 3 }, /at least 1000, for `splitMaxSize`/],
  ])('%s with %j is refused', async (name, options, message) => {
    const model = await load();
    await expect(model.exportGguf(join(folder, name), options)).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(message),
    });
    model.dispose();
  });
});

describe('Types', () => {
  test('of tensors follow llama.cpp: rows that are no whole blocks fall back, vectors and positions stay float32', async () => {
    const model = await Model.load(join(MODELS, 'gpt2-tied'));
    const path = join(folder, 'types.gguf');
    await model.exportGguf(path, { type: 'Q4_K_M' });
    model.dispose();
    const { tensors } = await readGgufParts(path);
    const types = new Map(tensors.map(({ name, type }) => [name, type]));
    expect(types.get('position_embd.weight')).toBe('F32');
    expect(types.get('blk.0.attn_norm.weight')).toBe('F32');
    expect(types.get('blk.0.attn_qkv.bias')).toBe('F32');
  });

  test.each<[string, Partial<ModelConfig>, Record<string, string>]>([
    [
      'Q4_K_M',
      {},
      {
        'token_embd.weight': 'Q6_K',
        'blk.0.attn_v.weight': 'Q6_K',
        'blk.4.ffn_down.weight': 'Q4_K',
        'blk.6.ffn_down.weight': 'Q6_K',
        'blk.31.attn_v.weight': 'Q6_K',
        'blk.0.attn_q.weight': 'Q4_K',
        'output_norm.weight': 'F32',
      },
    ],
    [
      'Q5_K_M',
      { tieWordEmbeddings: false },
      { 'token_embd.weight': 'Q5_K', 'output.weight': 'Q6_K', 'blk.6.attn_v.weight': 'Q6_K', 'blk.5.attn_v.weight': 'Q5_K' },
    ],
    ['Q4_0', {}, { 'token_embd.weight': 'Q6_K', 'blk.0.attn_v.weight': 'Q4_0' }],
    ['Q8_0', {}, { 'token_embd.weight': 'Q8_0' }],
    ['BF16', {}, { 'token_embd.weight': 'BF16', 'blk.0.attn_v.weight': 'BF16', 'blk.0.attn_norm.weight': 'F32' }],
  ])('%s of a model of 32 layers (%j)', (type, changes, expected) => {
    const config = { numHiddenLayers: 32, numAttentionHeads: 32, numKeyValueHeads: 8, tieWordEmbeddings: true, ...changes } as ModelConfig;
    const got = Object.fromEntries(
      Object.keys(expected).map((name) => [
        name,
        typeOfTensor(name, name.includes('norm') ? [4096] : [4096, 4096], type as GgufFileType, config),
      ]),
    );
    expect(got).toEqual(expected);
  });

  test('fall back by rows', () => {
    const config = { numHiddenLayers: 4, numAttentionHeads: 9, numKeyValueHeads: 3, tieWordEmbeddings: true } as ModelConfig;
    const of = (type: GgufFileType, columns: number, name = 'blk.1.attn_q.weight') => typeOfTensor(name, [8, columns], type, config);
    expect([of('Q4_K_M', 576), of('Q5_K_M', 576), of('Q6_K', 576), of('Q4_0', 576), of('Q8_0', 40), of('Q4_K_M', 40)]).toEqual([
      'Q5_0',
      'Q5_1',
      'Q8_0',
      'Q4_0',
      'F16',
      'F16',
    ]);
    expect(of('Q4_K_M', 576, 'token_embd.weight')).toBe('Q8_0');
  });
});
