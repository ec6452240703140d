import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCheckpoint, saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { certify } from '../../lib/evaluate/certificate.ts';
import { exportModel } from '../../lib/run/export.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { hyperfit, type HyperfitOptions } from '../../lib/train/hyperfit.ts';
import type { QuantizeType } from '../../lib/config/quantize-types.ts';
import { copyModel, freshFolder, randomSequences, refusal, TINY_MODEL } from './tiny.ts';

jest.setTimeout(120_000);

const sequences = randomSequences([12, 20, 7, 16, 9, 20, 5]);
const options = (more: Partial<HyperfitOptions>): HyperfitOptions => ({
  data: sequences,
  batchSize: 3,
  learningRate: 1e-3,
  quantize: 'Q4_0',
  ...more,
});

async function lossesOf(model: Model, more: Partial<HyperfitOptions>): Promise<number[]> {
  const losses: number[] = [];
  for await (const event of hyperfit(model, options(more))) if (event.type === 'step') losses.push(event.loss, event.gradNorm);
  return losses;
}

test.each(['float32', 'bfloat16'] as const)(
  '%s: a checkpoint of training for Q4_0 goes on bit for bit as if it had never stopped',
  async (computeDtype) => {
    const whole = await Model.load(TINY_MODEL, { computeDtype });
    const expected = await lossesOf(whole, { maxSteps: 10 });
    const plain = await Model.load(TINY_MODEL, { computeDtype });
    expect((await lossesOf(plain, { maxSteps: 5, quantize: null })).slice(0, 1)).not.toEqual(expected.slice(0, 1));
    const begun = await Model.load(TINY_MODEL, { computeDtype });
    const optimizer = new Optimizer(begun);
    const run = hyperfit(begun, options({ maxSteps: 5, optimizer }));
    await run;
    const folder = freshFolder();
    await saveCheckpoint(folder, { model: begun, optimizer, state: run.state! });
    const resumed = await loadCheckpoint(folder, { computeDtype });
    expect(resumed.model.quantization).toBe('Q4_0');
    expect(await lossesOf(resumed.model, { maxSteps: 10, optimizer: resumed.optimizer, state: resumed.state })).toEqual(expected.slice(10));
    for (const each of [optimizer, resumed.optimizer, whole, plain, begun, resumed.model]) each.dispose();
  },
);

test('training ends when the rounded weights are at the target loss, and an export without a type holds just these', async () => {
  const model = await Model.load(TINY_MODEL);
  const { reason } = await hyperfit(model, options({ targetLoss: 0.5, epochs: 200 }));
  expect(reason).toBe('targetLoss');
  const rows = sequences.map((ids) => ({ ids }));
  const own = await certify(model, rows);
  const path = join(freshFolder(), 'tiny.gguf');
  const contexts = sequences.map((ids) => ids.subarray(0, 4));
  const { type, gate, warnings } = await exportModel(model, path, { type: 'auto', contexts, maxNewTokens: 12 });
  expect([type, warnings.filter((warning) => warning.includes('Q4_0'))]).toEqual(['Q4_0', []]);
  expect(gate).toMatchObject({ passes: 'Q4_0', agreement: 1, exported: gate!.model });
  const exported = await Model.load(path);
  expect(exported.quantization).toBeNull();
  expect(await certify(exported, rows)).toEqual(own);
  expect(own.meanLoss).toBeLessThan(0.6);
  const saved = join(freshFolder(), 'saved');
  await model.save(saved);
  await model.setQuantization(null);
  expect((await certify(model, rows)).meanLoss).not.toBe(own.meanLoss);
  // What is saved are the weights behind, and what they were trained for.
  const again = await Model.load(saved);
  expect([again.quantization, (await certify(again, rows)).meanLoss]).toEqual(['Q4_0', own.meanLoss]);
  const float = await Model.load(saved, { quantize: null });
  expect([float.quantization, await certify(float, rows)]).toEqual([null, await certify(model, rows)]);
  expect((await exportModel(again, join(freshFolder(), 'other.gguf'), { type: 'Q8_0' })).warnings).toContainEqual(
    expect.stringContaining('trained for Q4_0'),
  );
  for (const each of [model, exported, again, float]) each.dispose();
});

test('training without the setting is training of the float32 weights, whatever was set before; what it saves says nothing of a type', async () => {
  const plain = await Model.load(TINY_MODEL);
  const set = await Model.load(TINY_MODEL, { quantize: 'Q8_0' });
  expect(await lossesOf(set, { maxSteps: 3, quantize: null })).toEqual(await lossesOf(plain, { maxSteps: 3, quantize: null }));
  expect(set.quantization).toBeNull();
  const folder = join(freshFolder(), 'saved');
  await set.save(folder);
  expect(readFileSync(join(folder, 'config.json'), 'utf8')).not.toContain('quantize');
  for (const each of [plain, set]) each.dispose();
});

test('decoding on the way uses the rounded weights of that moment', async () => {
  const model = await Model.load(TINY_MODEL);
  const prompts = sequences.map((ids) => ids.subarray(0, 4));
  for await (const event of hyperfit(model, options({ maxSteps: 6 }))) {
    if (event.type !== 'step' || event.step % 3 !== 0) continue;
    const path = join(freshFolder(), 'now.gguf');
    await model.exportGguf(path);
    const exported = await Model.load(path);
    const [ours, theirs] = [await model.generate(prompts, { maxNewTokens: 12 }), await exported.generate(prompts, { maxNewTokens: 12 })];
    expect(ours.map(({ ids }) => [...ids])).toEqual(theirs.map(({ ids }) => [...ids]));
    exported.dispose();
  }
  model.dispose();
});

describe('what cannot be is refused by name', () => {
  test('an unknown type, in a call, in a setting and in a saved model', async () => {
    const model = await Model.load(TINY_MODEL);
    const expected = { code: 'ERR_CONFIG', message: expect.stringMatching(/Q4_K_M, Q4_0 for `quantize`, got "Q3_K"/) as string };
    expect(await refusal(model.setQuantization('Q3_K' as QuantizeType))).toEqual(expected);
    expect(await refusal(Model.load(TINY_MODEL, { quantize: 'Q3_K' as QuantizeType }))).toEqual(expected);
    expect(() => hyperfit(model, options({ quantize: 'q4_0' as QuantizeType }))).toThrow(/`quantize`.*got "q4_0"/);
    const folder = copyModel();
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, hyperfit_quantize: 'IQ1' }));
    expect(await refusal(Model.load(folder))).toEqual({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/hyperfit_quantize.*"IQ1"; take the key out/) as string,
    });
    model.dispose();
  });

  test('LoRA', () => {
    expect(() => normalizeConfig([{ name: 'flags', values: { quantize: 'Q4_0', loraRank: 8 } }])).toThrow(
      /either `quantize` or `loraRank`, got both/,
    );
  });

  test('a family that llama.cpp does not have', async () => {
    const path = join(__dirname, '../fixtures/models/imagegpt-even');
    expect(await refusal(Model.load(path, { quantize: 'Q8_0' }))).toEqual({
      code: 'ERR_UNSUPPORTED_MODEL',
      message: expect.stringMatching(/no `quantize` for .*imagegpt-even.*leave `quantize` out/) as string,
    });
  });

  test('weights that no number is, before a pass reads them', async () => {
    const model = await Model.load(TINY_MODEL, { quantize: 'Q4_0' });
    const parameters = model.parameters();
    parameters.get('model.layers.0.mlp.up_proj.weight')!.fill_(Number.NaN);
    const batch = { tokens: Int32Array.of(2, 3, 4), batchSize: 1, sequenceLength: 3 };
    expect(await refusal(model.forward(batch))).toEqual({
      code: 'ERR_NOT_FINITE',
      message: expect.stringContaining('`model.layers.0.mlp.up_proj.weight`') as string,
    });
    for (const tensor of parameters.values()) tensor.dispose();
    model.dispose();
  });
});
