import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUANTIZE_TYPES } from '../../lib/config/quantize-types.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import { Model } from '../../lib/model/model.ts';
import { disposeAll } from '../../lib/model/tensor-file.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { torch } from '../../lib/tensor/torch.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { largestDifference } from './differences.ts';
import { LLAMA_CPP_MODELS, makeModel } from './exported-models.ts';
import { readNumbers } from './models.ts';

jest.setTimeout(300_000);

const folder = mkdtempSync(join(tmpdir(), 'hyperfit-passes-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Wide enough for super-blocks of 256, and deep enough for every type that a mix has. */
const WIDE = {
  model_type: 'llama',
  hidden_size: 256,
  intermediate_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  initializer_range: 0.3,
};

async function makeWide(): Promise<string> {
  const path = join(folder, 'wide');
  const donor = await makeModel('llama-tied-gqa', join(folder, 'donor'));
  const { vocab_size: size } = JSON.parse(readFileSync(join(donor, 'config.json'), 'utf8')) as { vocab_size: number };
  await initializeModel(path, { ...WIDE, vocab_size: size }, { seed: 5 });
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(donor, name), join(path, name));
  return path;
}

const bits = (tensor: Tensor): Int32Array => {
  const values = tensor.toTypedArray() as Float32Array;
  return new Int32Array(values.buffer, values.byteOffset, values.length);
};

/** Parameters whose bits differ, by name. */
function differing(left: ReadonlyMap<string, Tensor>, right: ReadonlyMap<string, Tensor>): string[] {
  expect([...left.keys()].sort()).toEqual([...right.keys()].sort());
  return [...left]
    .filter(([name, tensor]) => Buffer.compare(Buffer.from(bits(tensor).buffer), Buffer.from(bits(right.get(name)!).buffer)) !== 0)
    .map(([name]) => name);
}

/** What passes of `model` read beside what its export holds. */
async function compareWithExport(model: Model, name: string): Promise<{ differ: string[]; rounded: number; types: string[] }> {
  const path = join(folder, `${name}.gguf`);
  const { type, tensorTypes } = await model.exportGguf(path, { overwrite: true });
  expect(type).toBe(model.quantization);
  const again = await Model.load(path);
  const [ours, theirs, masters] = [await model.forwardParameters(), again.parameters(), model.parameters()];
  const result = { differ: differing(ours, theirs), rounded: differing(ours, masters).length, types: Object.keys(tensorTypes) };
  disposeAll([...ours.values(), ...theirs.values(), ...masters.values()]);
  again.dispose();
  return result;
}

/**
 * Where llama.cpp fixes what queries are multiplied by, an export moves the difference into the queries or their norms, and passes divide
 * it out again.
 */
const MOVED = /self_attn\.(q_proj|q_norm)\.weight$/;

test.each(LLAMA_CPP_MODELS)('%s: passes run on the weights that an export writes, to the bit', async (name) => {
  const model = await Model.load(await makeModel(name, folder), { quantize: 'Q4_K_M' });
  const { differ, rounded } = await compareWithExport(model, name);
  const again = await Model.load(join(folder, `${name}.gguf`));
  const isMoved = again.config.queryScale !== model.config.queryScale;
  expect(differ.filter((parameter) => !(isMoved && MOVED.test(parameter)))).toEqual([]);
  expect(rounded).toBeGreaterThan(0);
  const batch = { tokens: Int32Array.from({ length: 12 }, (_, at) => 3 + at), batchSize: 1, sequenceLength: 12 };
  const [ours, theirs] = [(await model.forward(batch)).logits, (await again.forward(batch)).logits];
  expect(largestDifference(readNumbers(theirs), readNumbers(ours))).toBeLessThan(1e-4);
  for (const each of [ours, theirs, model, again]) each.dispose();
});

describe('rows of whole super-blocks', () => {
  let path: string;
  beforeAll(async () => {
    path = await makeWide();
  });

  test.each(QUANTIZE_TYPES)('%s: to the bit, in every type of its mix, before and after updates', async (type) => {
    const model = await Model.load(path, { quantize: type });
    const before = await compareWithExport(model, type);
    expect(before.differ).toEqual([]);
    expect(before.types.sort()).toEqual(
      {
        Q8_0: ['F32', 'Q8_0'],
        Q6_K: ['F32', 'Q6_K'],
        Q5_K_M: ['F32', 'Q5_K', 'Q6_K'],
        Q4_K_M: ['F32', 'Q4_K', 'Q6_K'],
        Q4_0: ['F32', 'Q4_0', 'Q6_K'],
      }[type],
    );
    await hyperfit(model, {
      data: [Int32Array.from({ length: 24 }, (_, at) => 3 + ((at * 7) % 60))],
      quantize: type,
      learningRate: 1e-2,
      maxSteps: 3,
    });
    expect((await compareWithExport(model, type)).differ).toEqual([]);
    model.dispose();
  });

  test('bfloat16 products read the bfloat16 of the rounded weights, in training and in decoding', async () => {
    const quantised = await Model.load(path, { quantize: 'Q4_0', computeDtype: 'bfloat16' });
    const file = join(folder, 'bfloat16.gguf');
    await quantised.exportGguf(file);
    const plain = await Model.load(file, { computeDtype: 'bfloat16' });
    const tokens = Int32Array.from({ length: 20 }, (_, at) => 3 + at);
    const batch = { tokens, batchSize: 1, sequenceLength: 20 };
    const [ours, theirs] = [(await quantised.forward(batch)).logits, (await plain.forward(batch)).logits];
    expect(torch.call('aten::equal', [ours, theirs])).toBe(true);
    const [[own], [other]] = [
      await quantised.generate([tokens], { maxNewTokens: 24 }),
      await plain.generate([tokens], { maxNewTokens: 24 }),
    ];
    expect([...own!.ids]).toEqual([...other!.ids]);
    for (const each of [ours, theirs]) each.dispose();
    for (const each of [quantised, plain]) each.dispose();
  });

  test('null goes back to the parameters', async () => {
    const model = await Model.load(path, { quantize: 'Q4_0' });
    await model.setQuantization(null);
    const [ours, masters] = [await model.forwardParameters(), model.parameters()];
    expect(differing(ours, masters)).toEqual([]);
    disposeAll([...ours.values(), ...masters.values()]);
    model.dispose();
  });
});
