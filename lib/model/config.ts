import { HyperfitError } from '../errors.ts';
import type { ModelConfig } from '../addon-types.ts';
import { FAMILIES, supportedFamilies } from './config-families.ts';
import type { ConfigFamily } from './config-family.ts';
import { plainFlags } from './config-flags.ts';
import type { Sizes } from './config-flags.ts';
import { textHalf } from './config-gemma3.ts';
import { isHarmless } from './config-keys.ts';
import { DEFAULT_THETA, readRope, readTwoRopes } from './config-rope.ts';
import type { RopePlace } from './config-rope.ts';
import { ConfigValues, render } from './config-values.ts';
import type { ConfigNotes } from './config-values.ts';
import type { JsonObject } from './json.ts';

/**
 * The decoder's settings out of a Hugging Face config.json, read as transformers 5.17 reads it; `name` is the file for
 * messages, `notes` hears of keys that count otherwise than one would think.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL naming every key that changes the computation in a way that is not
 * understood; ERR_MODEL_FILES for missing or impossible values
 */
export function readConfigJson(json: JsonObject, name: string, notes?: ConfigNotes): ModelConfig {
  const raw = textHalf(json, name);
  const family = findFamily(raw, name);
  refuseUnknown(raw, family, name);
  const values = makeValues(raw, family, name, notes);
  const sizes = readSizes(values, family);
  const settings = {
    modelType: family.modelType,
    ...sizes,
    normEps: values.positive('rms_norm_eps'),
    tieWordEmbeddings: values.flag('tie_word_embeddings'),
  };
  const flags = {
    ...plainFlags(sizes),
    ...family.flags(values, sizes),
    paddingIndex: family.pads === false ? -1 : readPaddingIndex(values, sizes),
  };
  values.finish();
  return checkModelConfig(
    { ...settings, ...flags, ...readRopes(raw, family, { name, context: sizes.maxPositionEmbeddings, notes }) },
    name,
  );
}

function findFamily(raw: JsonObject, name: string): ConfigFamily {
  const family = FAMILIES.find(({ modelType }) => modelType === raw['model_type']);
  if (family === undefined) refuseModel(name, [`\`model_type\` ${render(raw['model_type'])}`]);
  const architectures = raw['architectures'] ?? [family.architecture];
  const known = [family.architecture, ...family.bareArchitectures];
  const isKnown = Array.isArray(architectures) && architectures.some((each) => known.includes(each as string));
  if (!isKnown) refuseModel(name, [`\`architectures\` ${render(architectures)}`]);
  return family;
}

export function refuseModel(name: string, got: readonly string[]): never {
  throw new HyperfitError(
    'ERR_UNSUPPORTED_MODEL',
    `expected settings that hyperfit computes in ${name}, got ${got.join(', ')}; it knows ${supportedFamilies()}: use such a model`,
  );
}

function refuseUnknown(raw: JsonObject, family: ConfigFamily, name: string): void {
  const refused = Object.keys(raw).filter((key) => !isUnderstood(key, raw[key], family));
  if (refused.length > 0)
    refuseModel(
      name,
      refused.map((key) => `\`${key}\` ${render(raw[key])}`),
    );
}

function isUnderstood(key: string, value: unknown, family: ConfigFamily): boolean {
  if (value === null || isHarmless(key) || family.read.includes(key)) return true;
  const allowed = Object.hasOwn(family.required, key) ? family.required[key] : undefined;
  if (typeof allowed === 'function') return allowed(value);
  return allowed?.some((each) => render(each) === render(value)) ?? false;
}

/** By Hugging Face's usual keys. What is absent is the family's default; null never is, but may mean "do without". */
function makeValues(raw: JsonObject, family: ConfigFamily, name: string, notes: ConfigNotes | undefined): ConfigValues {
  return new ConfigValues(
    (key) => {
      const spelled = family.spelling?.[key] ?? key;
      const given = key in raw && family.read.includes(key) ? key : spelled;
      return given in raw ? raw[given] : family.defaults[spelled];
    },
    name,
    notes,
  );
}

function readSizes(values: ConfigValues, family: ConfigFamily): Sizes {
  const hiddenSize = values.size('hidden_size');
  const numAttentionHeads = values.size('num_attention_heads');
  return {
    vocabSize: values.size('vocab_size'),
    hiddenSize,
    // n_inner of GPT-2 is silent where it is four times the width.
    intermediateSize: values.size('intermediate_size', family.spelling ? 4 * hiddenSize : undefined),
    numHiddenLayers: values.layers('num_hidden_layers'),
    numAttentionHeads,
    numKeyValueHeads: values.size(
      'num_key_value_heads',
      family.nullRefused?.includes('num_key_value_heads') ? undefined : numAttentionHeads,
    ),
    headDim: values.size('head_dim', family.nullRefused?.includes('head_dim') ? undefined : hiddenSize / numAttentionHeads),
    maxPositionEmbeddings: values.size('max_position_embeddings'),
  };
}

/** Below zero it counts from the end, as torch has it. Outside of the vocabulary it is the row of no id. */
function readPaddingIndex(values: ConfigValues, { vocabSize }: Sizes): number {
  const id = values.raw('pad_token_id') ?? -1 - vocabSize;
  if (typeof id !== 'number' || !Number.isInteger(id)) {
    values.refuse('pad_token_id', 'an id or null');
    return -1;
  }
  const index = id < 0 ? id + vocabSize : id;
  return index >= 0 && index < vocabSize ? index : -1;
}

type Ropes = Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'> & Partial<Pick<ModelConfig, 'localRopeTheta'>>;

function readRopes(raw: JsonObject, family: ConfigFamily, place: Omit<RopePlace, 'defaultTheta'>): Ropes {
  const { rope_theta: global, rope_local_base_freq: local } = family.defaults;
  const globalPlace = { ...place, defaultTheta: typeof global === 'number' ? global : DEFAULT_THETA };
  if (typeof local === 'number') return readTwoRopes(raw, globalPlace, local);
  return family.read.includes('rope_theta') ? readRope(raw, globalPlace) : { ropeTheta: 0, ropeScaling: { type: 'default' } };
}

/** Rotary tables hold a row for each position, 512 MB of them for heads of 128. No sequence gets so long. */
const MOST_POSITIONS = 2 ** 20;

/** Relations between the fields; contexts beyond what tables can hold are cut. @throws HyperfitError ERR_MODEL_FILES */
export function checkModelConfig(config: ModelConfig, name: string): ModelConfig {
  const { numAttentionHeads, numKeyValueHeads, headDim, layerRopes, maxPositionEmbeddings } = config;
  const turns = layerRopes.some((rope) => rope !== 'none');
  const problems: string[] = [];
  if (numAttentionHeads % numKeyValueHeads !== 0)
    problems.push(`key/value heads that divide ${numAttentionHeads} heads, got ${numKeyValueHeads}`);
  if (headDim % 2 !== 0 && turns) problems.push(`an even head dimension, got ${headDim}`);
  if (problems.length > 0)
    throw new HyperfitError('ERR_MODEL_FILES', `expected ${problems.join('; ')} in ${name}; fetch the file again, or correct it`);
  return turns && maxPositionEmbeddings > MOST_POSITIONS ? { ...config, maxPositionEmbeddings: MOST_POSITIONS } : config;
}
