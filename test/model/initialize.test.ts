import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { renderPreprocessor } from '../../lib/image/image-format.ts';
import { greyPalette } from '../../lib/image/palette.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import { Model } from '../../lib/model/model.ts';
import { readAll } from '../oracle/models.ts';
import { freshFolder, refusal } from '../train/tiny.ts';

const IMAGEGPT = {
  architectures: ['ImageGPTForCausalImageModeling'],
  model_type: 'imagegpt',
  vocab_size: 17,
  n_positions: 196,
  n_embd: 64,
  n_layer: 3,
  n_head: 4,
};
const SIZES = {
  vocab_size: 300,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 64,
};
const GEMMA = { architectures: ['Gemma3ForCausalLM'], model_type: 'gemma3_text', ...SIZES, initializer_range: 0.05 };
const QWEN = { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2', ...SIZES };

async function weightsOf(config: object, seed = 0): Promise<Map<string, Float64Array>> {
  const folder = freshFolder();
  await initializeModel(folder, config as Record<string, unknown>, { seed });
  const model = await Model.load(folder);
  const weights = readAll(model.parameters());
  model.dispose();
  return weights;
}

function spread(values: Float64Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

/** Five standard errors of either figure. */
function expectNormal(values: Float64Array, deviation: number): void {
  const got = spread(values);
  expect(Math.abs(got.mean)).toBeLessThan((5 * deviation) / Math.sqrt(values.length));
  expect(Math.abs(got.deviation - deviation)).toBeLessThan((5 * deviation) / Math.sqrt(2 * values.length));
}

test.each([
  ['ImageGPT', IMAGEGPT, 0.02, 1],
  ['Qwen', QWEN, 0.02, 1],
  ['Gemma, whose norms multiply by 1 + weight', GEMMA, 0.05, 0],
])('weights of %s are normal, norms neutral, biases zero', async (_, config, range, neutral) => {
  const weights = await weightsOf(config);
  for (const [name, values] of weights) {
    const isVector = /(norm|ln_\w)\.?\w*\.weight$/.test(name);
    if (name.endsWith('.bias')) expect([name, ...new Set(values)]).toEqual([name, 0]);
    else if (isVector) expect([name, ...new Set(values)]).toEqual([name, neutral]);
    else expectNormal(values, name.endsWith('c_proj.weight') ? range / Math.sqrt(6) : range);
  }
});

test('equal seeds give equal weights, others others', async () => {
  const [first, again, other] = [await weightsOf(IMAGEGPT, 7), await weightsOf(IMAGEGPT, 7), await weightsOf(IMAGEGPT, 8)];
  const name = 'transformer.wte.weight';
  expect(again.get(name)).toEqual(first.get(name));
  expect(other.get(name)).not.toEqual(first.get(name));
});

test('what is no model, and a folder that holds one, are refused', async () => {
  const folder = freshFolder();
  expect(await refusal(initializeModel(folder, { model_type: 'bert' }))).toMatchObject({ code: 'ERR_UNSUPPORTED_MODEL' });
  expect(await refusal(initializeModel(folder, { ...QWEN, initializer_range: -1 }))).toMatchObject({
    code: 'ERR_MODEL_FILES',
    message: expect.stringContaining('`initializer_range`') as string,
  });
  expect(await refusal(initializeModel(folder, QWEN, { seed: 0.5 }))).toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('`seed`, got 0.5') as string,
  });
  expect(existsSync(join(folder, 'config.json'))).toBe(false);
  await initializeModel(folder, QWEN);
  const before = readFileSync(join(folder, 'model.safetensors'));
  expect(await refusal(initializeModel(folder, GEMMA))).toMatchObject({ code: 'ERR_CHECKPOINT' });
  expect(readFileSync(join(folder, 'model.safetensors'))).toEqual(before);
  expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))).toMatchObject({ model_type: 'qwen2' });
});

const cache = process.env['HYPERFIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hyperfit');
const PYTHON = join(process.env['HYPERFIT_FIXTURES_VENV'] ?? join(cache, 'fixtures-venv'), 'bin', 'python');
const testWithPython = existsSync(PYTHON) ? test : test.skip;

const LOAD = `
import sys
from transformers import ImageGPTForCausalImageModeling
from transformers.models.imagegpt.image_processing_pil_imagegpt import ImageGPTImageProcessorPil
model, info = ImageGPTForCausalImageModeling.from_pretrained(sys.argv[1], output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"], info
processor = ImageGPTImageProcessorPil.from_pretrained(sys.argv[1])
print(model.num_parameters(), len(processor.clusters), processor.size["height"])
`;

testWithPython(
  'transformers loads the folder, palette included (needs the environment of scripts/fixtures.sh)',
  async () => {
    const folder = freshFolder();
    await initializeModel(folder, IMAGEGPT, { preprocessor: renderPreprocessor({ width: 14, height: 14, palette: greyPalette(16) }) });
    const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', LOAD, folder], { encoding: 'utf8' });
    expect(status === 0 ? '' : stderr).toBe('');
    expect(stdout.trim()).toBe('164288 16 14');
  },
  120_000,
);
