import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openAdapter, planAdapter } from '../../../lib/model/adapter-files.ts';
import { readAdapterSettings } from '../../../lib/model/adapter-settings.ts';
import { readConfigJson } from '../../../lib/model/config.ts';
import { readGenerationTokens } from '../../../lib/model/generation-config.ts';
import { MoreBytesNeeded } from '../../../lib/model/gguf-cursor.ts';
import { renderGgufHeader } from '../../../lib/model/gguf-header.ts';
import { parseGgufHeader } from '../../../lib/model/gguf.ts';
import { parseJsonObject } from '../../../lib/model/json.ts';
import { openModelFiles } from '../../../lib/model/model-files.ts';
import { parseSafetensorsHeader, renderSafetensorsHeader } from '../../../lib/model/safetensors.ts';
import { parseShardIndex } from '../../../lib/model/shards.ts';
import { mutate } from '../mutations.ts';
import { changedBinary, changedJson, type Maker } from '../structured.ts';
import { byPath, scratchFolder, type FuzzedReaders } from './reader.ts';

const FIXTURES = join(__dirname, '..', '..', 'fixtures');
const MODELS = ['tiny-text', 'gemma3-tied-gqa', 'gpt2-tied', 'qwen3-window-mha', 'llama-yarn-rope', 'smollm3-tied-gqa'];
const fixture = (...parts: string[]): Buffer => readFileSync(join(FIXTURES, ...parts));

const tensors = [
  { name: 'a', shape: [2, 3] },
  { name: 'b.weight', shape: [4] },
];
const SAFETENSORS = Buffer.concat([renderSafetensorsHeader(tensors, { note: 'x' }), Buffer.alloc(40)]);
const gguf = renderGgufHeader(
  [
    { key: 'general.architecture', type: 'string', value: 'llama' },
    { key: 'k', type: 'strings', value: ['a', 'b'] },
    { key: 'n', type: 'uint32', value: 3 },
  ],
  tensors.map((each) => ({ ...each, type: 'F32', byteLength: 4 * each.shape.reduce((a, b) => a * b) })),
);
const GGUF = [Buffer.concat([gguf.header, Buffer.alloc(gguf.fileBytes - gguf.header.length)]), fixture('files', 'tiny-llama.gguf')];
const json = (bytes: Buffer) => parseJsonObject(bytes.toString('utf8'), 'x.json', 'ERR_MODEL_FILES');

const HEADER = SAFETENSORS.toString('latin1', 8, 8 + Number(SAFETENSORS.readBigUInt64LE(0)));
const INDEX = '{"metadata":{"total_size":3},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}';
const ADAPTER =
  '{"peft_type":"LORA","task_type":"CAUSAL_LM","r":8,"lora_alpha":16,"use_rslora":false,"rank_pattern":{"^q_proj":4},"alpha_pattern":{},"target_modules":["q_proj","v_proj"],"layers_to_transform":[0,1],"bias":"none","init_lora_weights":true}';

/** A header whose length is right, and what follows as long as it was. */
function changedHeader(header: string, rest: Buffer): Maker {
  const change = changedJson([header]);
  return (dice) => {
    const changed = change(dice);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(changed.length));
    return Buffer.concat([length, changed, rest]);
  };
}

/** Changed in its header, or anywhere. */
function changedSafetensors(file: Buffer): Maker {
  const end = 8 + Number(file.readBigUInt64LE(0));
  const change = changedHeader(file.toString('latin1', 8, end), file.subarray(end));
  return (dice) => (dice.below(3) === 0 ? mutate([file], dice) : change(dice));
}

const scratch = scratchFolder();

/** A model's folder with one file changed, from the files to the table of weights. */
function modelFolder(name: string): (bytes: Buffer) => unknown {
  const folder = join(scratch, name);
  mkdirSync(folder);
  for (const file of ['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'])
    writeFileSync(join(folder, file), fixture('models', 'tiny-text', file));
  return async (bytes) => {
    writeFileSync(join(folder, name), bytes);
    await openModelFiles(folder);
  };
}

/** An adapter's folder with one file changed, from the files to what it adds to a model that it was made for. */
function adapterFolder(changed: string): (bytes: Buffer) => unknown {
  const folder = join(scratch, `adapter-${changed}`);
  cpSync(join(FIXTURES, 'adapters', 'llama-all'), folder, { recursive: true });
  const config = readConfigJson(json(fixture('models', 'llama-tied-gqa', 'config.json')), 'config.json');
  return async (bytes) => {
    writeFileSync(join(folder, changed), bytes);
    planAdapter(await openAdapter(folder), config);
  };
}

const configs = MODELS.map((name) => fixture('models', name, 'config.json').toString('utf8'));
const ggufs = ['gguf-gemma3', 'gguf-llama', 'gguf-gpt2', 'quantized'].map((name) => fixture('files', `${name}.gguf`));
const tiny = (name: string): string => fixture('models', 'tiny-text', name).toString('utf8');

export const MODEL_READERS: FuzzedReaders = {
  safetensors: { make: changedBinary([SAFETENSORS], 16), read: (bytes) => parseSafetensorsHeader(bytes, bytes.length, 'x') },
  'safetensors header': {
    make: changedHeader(HEADER, SAFETENSORS.subarray(SAFETENSORS.length - 40)),
    read: (bytes) => parseSafetensorsHeader(bytes, bytes.length, 'x'),
  },
  gguf: {
    make: changedBinary(GGUF, 4000),
    read: (bytes) => parseGgufHeader(bytes, bytes.length, 'x'),
    isRefusal: (error) => error instanceof MoreBytesNeeded,
  },
  config: { make: changedJson(configs), read: (bytes) => readConfigJson(json(bytes), 'config.json') },
  'generation config': { make: changedJson([tiny('generation_config.json')]), read: (bytes) => readGenerationTokens(json(bytes), {}) },
  'shard index': { make: changedJson([INDEX]), read: (bytes) => parseShardIndex(bytes.toString('utf8'), 'x') },
  'adapter settings': { make: changedJson([ADAPTER]), read: (bytes) => readAdapterSettings(json(bytes), 'x') },
  'model folder, config': { make: changedJson([tiny('config.json')]), read: modelFolder('config.json'), share: 0.3 },
  'model folder, weights': {
    make: changedSafetensors(fixture('models', 'tiny-text', 'model.safetensors')),
    read: modelFolder('model.safetensors'),
    share: 0.3,
  },
  'model of a GGUF': {
    make: changedBinary(ggufs, 3000),
    read: byPath(join(scratch, 'x.gguf'), (path) => openModelFiles(path)),
    share: 0.3,
  },
  'adapter folder, settings': {
    make: changedJson([
      fixture('adapters', 'llama-all', 'adapter_config.json').toString('utf8'),
      fixture('adapters', 'llama-patterns', 'adapter_config.json').toString('utf8'),
    ]),
    read: adapterFolder('adapter_config.json'),
    share: 0.5,
  },
  'adapter folder, weights': {
    make: changedSafetensors(fixture('adapters', 'llama-all', 'adapter_model.safetensors')),
    read: adapterFolder('adapter_model.safetensors'),
    share: 0.5,
  },
};
