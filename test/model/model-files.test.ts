import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { renderSafetensorsHeader } from '../../lib/model/safetensors.ts';
import { loadTokenizer } from '../../lib/model/tokenizer-files.ts';
import { findSmolLM2 } from '../oracle/smollm2-file.ts';

const FIXTURES = join(__dirname, '..', 'fixtures');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-model-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function copyModel(name: string): void {
  cpSync(join(FIXTURES, 'models', name), folder, { recursive: true });
}

function editJson(file: string, edit: (value: Record<string, unknown>) => void): void {
  const path = join(folder, file);
  const value = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  edit(value);
  writeFileSync(path, JSON.stringify(value));
}

/** Replaces the weights by zeros of the given names and shapes. */
function writeWeights(tensors: readonly { name: string; shape: number[] }[]): void {
  const elements = tensors.reduce((total, { shape }) => total + shape.reduce((product, size) => product * size, 1), 0);
  writeFileSync(join(folder, 'model.safetensors'), Buffer.concat([renderSafetensorsHeader(tensors), Buffer.alloc(4 * elements)]));
}

async function shapesOf(path: string): Promise<{ name: string; shape: number[] }[]> {
  return (await openModelFiles(path)).sources.map(({ name, shape }) => ({ name, shape: [...shape] }));
}

describe('A Hugging Face folder', () => {
  test('gives configuration, sources in order, ids, raw configuration', async () => {
    const files = await openModelFiles(join(FIXTURES, 'models', 'llama-untied-mha'));
    expect(files).toMatchObject({ format: 'huggingface', tokenizer: undefined, bosTokenId: 1, eosTokenIds: [2], chatTemplate: undefined });
    expect(files.rawConfig).toMatchObject({ model_type: 'llama' });
    const names = files.sources.map(({ name }) => name);
    expect([names[0], names[1], names.at(-1)]).toEqual([
      'model.embed_tokens.weight',
      'model.layers.0.self_attn.q_proj.weight',
      'lm_head.weight',
    ]);
  });

  test('in shards gives every tensor with its shard', async () => {
    const { sources } = await openModelFiles(join(FIXTURES, 'models', 'llama-sharded'));
    expect(new Set(sources.map(({ path }) => path)).size).toBe(4);
    expect(sources.every(({ path }) => existsSync(path))).toBe(true);
  });

  test('may be a cache of links to files elsewhere', async () => {
    for (const file of ['config.json', 'model.safetensors']) symlinkSync(join(FIXTURES, 'models', 'tiny-text', file), join(folder, file));
    expect((await openModelFiles(folder)).sources.length).toBeGreaterThan(10);
  });

  test('takes the ids that end a text from generation_config.json, all of them', async () => {
    copyModel('tiny-text');
    editJson('generation_config.json', (config) => Object.assign(config, { eos_token_id: [1, 7] }));
    expect((await openModelFiles(folder)).eosTokenIds).toEqual([1, 7]);
  });

  test('gives the chat template in any of its three places', async () => {
    copyModel('tiny-text');
    editJson('tokenizer_config.json', (config) => Object.assign(config, { chat_template: 'A' }));
    expect((await openModelFiles(folder)).chatTemplate).toBe('A');
    editJson('tokenizer_config.json', (config) =>
      Object.assign(config, {
        chat_template: [
          { name: 'tool', template: 'T' },
          { name: 'default', template: 'B' },
        ],
      }),
    );
    expect((await openModelFiles(folder)).chatTemplate).toBe('B');
    writeFileSync(join(folder, 'chat_template.jinja'), 'C');
    expect((await openModelFiles(folder)).chatTemplate).toBe('C');
  });

  test('with a tied head may hold that head again, and frequencies of old versions', async () => {
    copyModel('llama-tied-gqa');
    const tensors = await shapesOf(folder);
    const head = { name: 'lm_head.weight', shape: tensors[0]!.shape };
    writeWeights([...tensors, head, { name: 'model.layers.0.self_attn.rotary_emb.inv_freq', shape: [4] }]);
    expect(await shapesOf(folder)).toEqual(tensors);
  });
});

describe('Refused with ERR_MODEL_FILES', () => {
  const refused = (message: RegExp) => ({ code: 'ERR_MODEL_FILES', message: expect.stringMatching(message) });

  test('a path that is not there', async () => {
    await expect(openModelFiles(join(folder, 'none'))).rejects.toMatchObject(refused(/none, which is not there; check the path/));
  });

  test('an empty folder', async () => {
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(/config\.json and model\.safetensors \(or .*\) in .*, got none/));
  });

  test.each([['pytorch_model.bin'], ['consolidated.00.pth']])('a pickle, with the remedy: %s', async (file) => {
    copyModel('tiny-text');
    renameSync(join(folder, 'model.safetensors'), join(folder, file));
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(/a pickle.*safe_serialization=True/));
    await expect(openModelFiles(join(folder, file))).rejects.toMatchObject(refused(/a pickle/));
  });

  test('shards without their index, and weights of another name', async () => {
    copyModel('llama-sharded');
    rmSync(join(folder, 'model.safetensors.index.json'));
    await expect(openModelFiles(folder)).rejects.toMatchObject(
      refused(/got model-00001-of-00004\.safetensors and 3 more; fetch model\.safetensors\.index\.json too/),
    );
    for (let shard = 2; shard <= 4; shard += 1) rmSync(join(folder, `model-0000${shard}-of-00004.safetensors`));
    renameSync(join(folder, 'model-00001-of-00004.safetensors'), join(folder, 'consolidated.safetensors'));
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(/got consolidated\.safetensors; give it that name/));
  });

  test('the folder of a GGUF file, saying which', async () => {
    cpSync(join(FIXTURES, 'files', 'tiny-llama.gguf'), join(folder, 'tiny-llama.gguf'));
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(/got tiny-llama\.gguf; give the path of that file/));
  });

  test('some other file', async () => {
    await expect(openModelFiles(join(FIXTURES, 'models', 'tiny-text', 'model.safetensors'))).rejects.toMatchObject(
      refused(/give the folder/),
    );
  });

  test('a config.json that does not parse', async () => {
    copyModel('tiny-text');
    writeFileSync(join(folder, 'config.json'), '{');
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(/config\.json/));
  });

  test('missing, superfluous and misshapen parameters, all in one message', async () => {
    copyModel('llama-untied-mha');
    const [, second, ...rest] = await shapesOf(folder);
    writeWeights([{ name: second!.name, shape: [3, 5] }, ...rest, { name: 'model.extra', shape: [1] }]);
    const parts =
      /nothing for model\.embed_tokens\.weight; superfluous model\.extra; shapes model\.layers\.0\.self_attn\.q_proj\.weight \[3,5\] instead of \[\d+,\d+\]/;
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(parts));
  });

  test('an untied model without its head', async () => {
    copyModel('llama-untied-mha');
    writeWeights((await shapesOf(folder)).filter(({ name }) => name !== 'lm_head.weight'));
    await expect(openModelFiles(folder)).rejects.toMatchObject(
      refused(/a head, `lm_head\.weight`.*base model without one; save it by AutoModelForCausalLM/),
    );
  });

  test('a shard that is not there', async () => {
    copyModel('llama-sharded');
    rmSync(join(folder, 'model-00002-of-00004.safetensors'));
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(/none of: model-00002-of-00004\.safetensors/));
  });
});

describe('An index of shards is refused with ERR_SAFETENSORS', () => {
  const unsafe = [
    '../model.safetensors',
    '/etc/model.safetensors',
    'a/b.safetensors',
    'a\\b.safetensors',
    'C:model.safetensors',
    'C:\\model.safetensors',
    '\\\\server\\share\\m.safetensors',
    '..',
    '.',
    '',
    'model.bin',
    'model.safetensors\0',
    '..\\m.safetensors',
    3,
    null,
  ];
  test.each(unsafe.map((name) => [JSON.stringify(name), name]))('that names %s', async (_, name) => {
    copyModel('llama-sharded');
    editJson('model.safetensors.index.json', (index) => Object.assign(index['weight_map'] as object, { 'model.norm.weight': name }));
    await expect(openModelFiles(folder)).rejects.toMatchObject({ code: 'ERR_SAFETENSORS', message: expect.stringContaining('weight_map') });
  });

  test('that has no map', async () => {
    copyModel('llama-sharded');
    editJson('model.safetensors.index.json', (index) => delete index['weight_map']);
    await expect(openModelFiles(folder)).rejects.toMatchObject({ code: 'ERR_SAFETENSORS' });
  });

  test('that names a tensor its shard lacks', async () => {
    copyModel('llama-sharded');
    editJson('model.safetensors.index.json', (index) =>
      Object.assign(index['weight_map'] as object, { 'model.ghost': 'model-00001-of-00004.safetensors' }),
    );
    await expect(openModelFiles(folder)).rejects.toMatchObject({
      code: 'ERR_SAFETENSORS',
      message: expect.stringContaining('model.ghost'),
    });
  });
});

describe('A GGUF file', () => {
  test('gives configuration and sources under Hugging Face names, rotary rows marked', async () => {
    const files = await openModelFiles(join(FIXTURES, 'files', 'tiny-llama.gguf'));
    expect(files).toMatchObject({ format: 'gguf', tokenizer: undefined, rawConfig: undefined });
    expect(files.config).toMatchObject({
      modelType: 'llama',
      vocabSize: 12,
      hiddenSize: 16,
      intermediateSize: 24,
      numHiddenLayers: 1,
      numAttentionHeads: 4,
      numKeyValueHeads: 2,
      headDim: 4,
      maxPositionEmbeddings: 64,
      normEps: 1e-6,
      ropeTheta: 50000,
      ropeScaling: { type: 'default' },
      tieWordEmbeddings: false,
      qkvBias: true,
      outputBias: true,
      mlpBias: false,
      layerWindows: [0],
    });
    const ropeHeads = Object.fromEntries(
      files.sources.map(({ name, ropeHeads: heads }) => [name.replace('model.layers.0.self_attn.', ''), heads]),
    );
    expect(ropeHeads).toMatchObject({
      'q_proj.weight': 4,
      'q_proj.bias': 4,
      'k_proj.weight': 2,
      'k_proj.bias': 2,
      'v_proj.weight': 0,
      'lm_head.weight': 0,
    });
  });

  test('of which weights are missing is refused', async () => {
    await expect(openModelFiles(join(FIXTURES, 'files', 'tokenizer-llama.gguf'))).rejects.toMatchObject({ code: 'ERR_MODEL_FILES' });
  });

  const path = findSmolLM2();
  (path ? test : test.skip)('of SmolLM2 is understood', async () => {
    const files = await openModelFiles(path as string);
    expect(files.config).toMatchObject({
      numHiddenLayers: 30,
      hiddenSize: 576,
      numKeyValueHeads: 3,
      ropeTheta: 100000,
      normEps: 1e-5,
      tieWordEmbeddings: true,
    });
    expect([files.sources.length, files.bosTokenId, files.eosTokenIds]).toEqual([272, 1, [2, 4, 0]]);
    expect(files.chatTemplate).toContain('<|im_start|>');
  });
});

describe('The tokenizer of a model', () => {
  test('is loaded without the weights', async () => {
    expect((await loadTokenizer(join(FIXTURES, 'models', 'tiny-text'))).vocabSize).toBe(300);
  });

  test('is asked for in vain where there is none', async () => {
    await expect(loadTokenizer(join(FIXTURES, 'models', 'llama-bias'))).rejects.toMatchObject({ code: 'ERR_TOKENIZER' });
  });
});
