import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { describeOnEachDevice } from '../devices.ts';
import { freshFolder, refusal } from '../train/tiny.ts';
import { makeBatch } from './batches.ts';
import { largestDifference } from './differences.ts';
import { tinyModelPath } from './expected.ts';
import { readAll } from './models.ts';
import { lastLogits, testWithPython, transformersLogits, type TransformersJob } from './transformers.ts';

interface AdapterCase {
  base: string;
  ids: number[][];
  /** Of the last token of each row. */
  logits: number[][];
}

/** What scripts/fixtures/adapters.py recorded from PEFT. */
const CASES = JSON.parse(readFileSync(join(__dirname, '../fixtures/adapters.json'), 'utf8')) as Record<string, AdapterCase>;
const adapterPath = (name: string): string => resolve(__dirname, '../fixtures/adapters', name);

describeOnEachDevice('adapters that PEFT made', (device) => {
  test.each(Object.entries(CASES))('%s: the same logits as PEFT', async (name, { base, ids, logits }) => {
    const model = await Model.load(tinyModelPath(base), { device, adapter: adapterPath(name) });
    const plain = await Model.load(tinyModelPath(base), { device });
    const expected = Float64Array.from(logits.flat());
    expect(largestDifference(await lastLogits(model, ids), expected)).toBeLessThan(2e-3);
    // The additions matter: without them the logits are others.
    expect(largestDifference(await lastLogits(plain, ids), expected)).toBeGreaterThan(0.1);
    model.dispose();
    plain.dispose();
  });
});

async function trained(
  base: string,
  lora: ConstructorParameters<typeof Optimizer>[1] & object,
): Promise<{ model: Model; optimizer: Optimizer }> {
  const model = await Model.load(tinyModelPath(base));
  const optimizer = new Optimizer(model, lora);
  for (let step = 0; step < 5; step++) {
    const { tokenCount } = await model.forwardBackward(
      makeBatch([
        [5, 9, 3, 17, 20, 6, 8],
        [30, 8, 9, 4, 4, 11, 7],
      ]),
    );
    await optimizer.step({ learningRate: 2e-2, gradScale: 1 / tokenCount });
  }
  return { model, optimizer };
}

describe('adapters that hyperfit makes', () => {
  const ids = [
    [4, 9, 12, 30, 7],
    [5, 6, 7, 8, 9],
  ];
  const saved: (TransformersJob & { logits: Float64Array })[] = [];
  test.each([
    ['llama-tied-gqa', { rank: 3, alpha: 12 }, ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'], null],
    ['llama-untied-mha', { rank: 2, targets: ['q_proj', 'v_proj'], layers: 2 }, ['q_proj', 'v_proj'], [1, 2]],
    ['gpt2-tied', { rank: 2, targets: ['attn.c_proj', 'c_fc'] }, ['attn.c_proj', 'c_fc'], null],
    ['gemma3-tied-gqa', { rank: 2 }, ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'], null],
  ] as const)('%s: laid over the base it is the trained model', async (base, lora, targets, layers) => {
    const { model, optimizer } = await trained(base, { lora });
    const folder = join(freshFolder(), 'adapter');
    await optimizer.saveAdapter(folder);
    const settings = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    expect([
      (settings['target_modules'] as string[]).sort(),
      settings['layers_to_transform'],
      settings['r'],
      settings['base_model_name_or_path'],
    ]).toEqual([[...targets], layers, lora.rank, tinyModelPath(base)]);
    const again = await Model.load(tinyModelPath(base), { adapter: folder });
    const [expected, got] = [readAll(model.parameters()), readAll(again.parameters())];
    for (const [name, values] of expected) expect([name, largestDifference(got.get(name)!, values) < 1e-6]).toEqual([name, true]);
    saved.push({ folder, base: tinyModelPath(base), ids, logits: await lastLogits(model, ids) });
    for (const each of [optimizer, model, again]) each.dispose();
  });

  testWithPython(
    'PEFT computes the same logits with them',
    () => {
      const got = transformersLogits(saved);
      expect(saved.length).toBe(4);
      saved.forEach(({ logits }, index) => expect(largestDifference(got[index]!, logits)).toBeLessThan(2e-3));
    },
    120_000,
  );

  test('an optimizer of all weights has none', async () => {
    const { model, optimizer } = await trained('llama-tied-gqa', {});
    expect(await refusal(optimizer.saveAdapter(freshFolder()))).toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/all weights.*hyperfit patch/),
    });
    optimizer.dispose();
    model.dispose();
  });
});

describe('refusals', () => {
  function altered(change: Record<string, unknown>, name = 'llama-all'): string {
    const folder = join(freshFolder(), 'adapter');
    cpSync(adapterPath(name), folder, { recursive: true });
    const path = join(folder, 'adapter_config.json');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...change }));
    return folder;
  }

  let model: Model;
  beforeAll(async () => (model = await Model.load(tinyModelPath('llama-tied-gqa'))));
  afterAll(() => model.dispose());

  test.each<[string, Record<string, unknown>, string, RegExp]>([
    ['DoRA', { use_dora: true }, 'ERR_UNSUPPORTED_MODEL', /`use_dora` true: DoRA; merge it with PEFT/],
    ['another kind', { peft_type: 'LOHA' }, 'ERR_UNSUPPORTED_MODEL', /`peft_type` "LOHA"/],
    ['modules saved whole', { modules_to_save: ['lm_head'] }, 'ERR_UNSUPPORTED_MODEL', /`modules_to_save` \["lm_head"\].*saved whole/],
    ['biases', { bias: 'all' }, 'ERR_UNSUPPORTED_MODEL', /`bias` "all"/],
    ['a tie that is none', { ensure_weight_tying: 'yes' }, 'ERR_MODEL_FILES', /`ensure_weight_tying`/],
    ['biases of B', { lora_bias: true }, 'ERR_UNSUPPORTED_MODEL', /`lora_bias`/],
    [
      'PiSSA',
      { init_lora_weights: 'pissa_niter_4' },
      'ERR_UNSUPPORTED_MODEL',
      /`init_lora_weights` "pissa_niter_4".*path_initial_model_for_weight_conversion/,
    ],
    ['another task', { task_type: 'SEQ_CLS' }, 'ERR_UNSUPPORTED_MODEL', /`task_type` "SEQ_CLS"/],
    [
      'what comes after today',
      { use_something_new: 3 },
      'ERR_UNSUPPORTED_MODEL',
      /`use_something_new` 3: a setting that is not known here/,
    ],
    ['expressions as patterns', { alpha_pattern: { '(q|k)_proj': 3 } }, 'ERR_UNSUPPORTED_MODEL', /`alpha_pattern`.*write out the names/],
    ['a rank that is none', { r: 0 }, 'ERR_MODEL_FILES', /`r`.*got 0/],
    ['an alpha that is none', { lora_alpha: 'much' }, 'ERR_MODEL_FILES', /`lora_alpha`/],
    [
      'another rank than that of the tensors',
      { r: 4 },
      'ERR_MODEL_FILES',
      /A \[4,80\] and B \[48,4\] of `model\.layers\.0\.mlp\.down_proj`.*got \[3,80\]/,
    ],
    ['tensors of modules that it does not name', { target_modules: ['q_proj'] }, 'ERR_MODEL_FILES', /`target_modules`.*got some of/],
    [
      'tensors of other layers',
      { layers_to_transform: [0], target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] },
      'ERR_MODEL_FILES',
      /`layers_to_transform`.*layers\.1/,
    ],
  ])('%s', async (_, change, code, message) => {
    const before = readAll(model.parameters());
    expect(await refusal(model.loadAdapter(altered(change)))).toEqual({ code, message: expect.stringMatching(message) });
    expect(readAll(model.parameters())).toEqual(before);
  });

  test('one of another base', async () => {
    expect(await refusal(model.loadAdapter(adapterPath('gpt2-all')))).toEqual({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/matrices of this model.*transformer\.h\.0.*give the base/),
    });
    expect(await refusal(model.loadAdapter(adapterPath('llama-patterns')))).toMatchObject({ code: 'ERR_MODEL_FILES' });
  });

  test('a tied embedding, a folder without one, a pickle', async () => {
    expect(await refusal(model.loadAdapter(adapterPath('llama-embedding-head')))).toEqual({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/head is its embedding/),
    });
    expect(await refusal(model.loadAdapter(tinyModelPath('gpt2-tied')))).toEqual({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/adapter_config\.json.*for `adapter`/),
    });
    const folder = freshFolder();
    writeFileSync(join(folder, 'adapter_config.json'), readFileSync(join(adapterPath('llama-all'), 'adapter_config.json')));
    writeFileSync(join(folder, 'adapter_model.bin'), 'x');
    expect(await refusal(Model.load(tinyModelPath('llama-tied-gqa'), { adapter: folder }))).toEqual({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/pickle/),
    });
  });

  test('a tied embedding that is not tied in the adapter, or whose rows have become more', async () => {
    const own = 'llama-tied-embedding';
    expect(await refusal(model.loadAdapter(altered({ ensure_weight_tying: false }, own)))).toEqual({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/`ensure_weight_tying`.*embed_tokens|lm_head/),
    });
    expect(await refusal(Model.load(tinyModelPath('llama-untied-mha'), { adapter: adapterPath(own) }))).toMatchObject({
      code: 'ERR_MODEL_FILES',
    });
  });

  test('a module that the settings name and the file lacks', async () => {
    const adapter = altered({ target_modules: ['q_proj', 'v_proj', 'k_proj'] }, 'llama-late-rslora');
    expect(await refusal(Model.load(tinyModelPath('llama-untied-mha'), { adapter }))).toEqual({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/none for model\.layers\.1\.self_attn\.k_proj/),
    });
  });

  test('harmless settings are no reason', async () => {
    const own = await Model.load(tinyModelPath('llama-tied-gqa'), {
      adapter: altered({
        lora_dropout: 0.3,
        inference_mode: false,
        revision: 'main',
        init_lora_weights: 'gaussian',
        some_new_switch: false,
        some_new_list: [],
      }),
    });
    own.dispose();
  });
});
