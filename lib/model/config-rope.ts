import { HyperfitError } from '../errors.ts';
import type { ModelConfig, NativeRopeScaling } from '../addon-types.ts';
import { ConfigValues, render } from './config-values.ts';
import { isJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';

type Rope = Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'>;

const DEFAULT_THETA = 10000;
const KNOWN_KEYS = ['type', 'rope_type', 'rope_theta', 'factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings', 'partial_rotary_factor'];
const YARN_KEYS = ['beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'attention_factor', 'truncate'];

/** How each rotary type is read; `longrope` and others are refused. */
const SCALINGS: ReadonlyMap<unknown, (values: ConfigValues) => NativeRopeScaling> = new Map<unknown, (values: ConfigValues) => NativeRopeScaling>([
  ['default', () => ({ type: 'default' })],
  ['linear', (values) => ({ type: 'linear', factor: values.positive('factor') })],
  ['dynamic', readDynamic],
  ['llama3', (values) => ({
    type: 'llama3',
    factor: values.positive('factor'),
    lowFreqFactor: values.positive('low_freq_factor'),
    highFreqFactor: values.positive('high_freq_factor'),
    originalMaxPositionEmbeddings: values.size('original_max_position_embeddings'),
  })],
  ['yarn', readYarn],
]);

/** Dynamic scaling stretches only sequences beyond the model's own context, and those are refused: within it all is plain. */
function readDynamic(values: ConfigValues): NativeRopeScaling {
  values.positive('factor');
  return { type: 'default' };
}

function readYarn(values: ConfigValues): NativeRopeScaling {
  const factor = values.positive('factor');
  return {
    type: 'yarn',
    factor,
    betaFast: values.positive('beta_fast', 32),
    betaSlow: values.positive('beta_slow', 1),
    attentionFactor: values.has('attention_factor') ? values.positive('attention_factor') : yarnAttentionFactor(values, factor),
    truncate: values.flag('truncate', true),
    originalMaxPositionEmbeddings: values.size('original_max_position_embeddings'),
  };
}

/** Peng et al. 2023, section 3.4; the two `mscale` are DeepSeek's. */
function yarnAttentionFactor(values: ConfigValues, factor: number): number {
  const grown = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  if (!values.has('mscale') || !values.has('mscale_all_dim')) return grown(1);
  return grown(values.positive('mscale')) / grown(values.positive('mscale_all_dim'));
}

/**
 * Rotary settings in either spelling: `rope_theta` beside `rope_scaling`, or both in `rope_parameters`, which Gemma 3
 * has once for its full and once for its sliding layers. `defaultTheta` and `context` are the family's.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for a type or key that is not known; ERR_MODEL_FILES for impossible values
 */
export function readRope(raw: JsonObject, name: string, { defaultTheta = DEFAULT_THETA, context }: { defaultTheta?: number; context?: number } = {}): Rope {
  const key = raw['rope_parameters'] ? 'rope_parameters' : 'rope_scaling';
  const rope = raw[key] ?? {};
  if (!isJsonObject(rope)) throw new HyperfitError('ERR_MODEL_FILES', `expected an object for \`${key}\` in ${name}, got ${render(rope)}; correct it`);
  const type = rope['rope_type'] ?? rope['type'] ?? 'default';
  refuseUnknown(rope, type, key, name);
  const read = SCALINGS.get(type) ?? refuseRope(name, `\`${key}\` of type ${render(type)}`);
  const fallbacks: JsonObject = { rope_theta: raw['rope_theta'], original_max_position_embeddings: raw['original_max_position_embeddings'] ?? context };
  const values = new ConfigValues((field) => rope[field] ?? fallbacks[field], `${key} of ${name}`);
  const ropeTheta = values.positive('rope_theta', defaultTheta);
  const ropeScaling = read(values);
  values.finish();
  return { ropeTheta, ropeScaling };
}

/** The settings of Gemma 3: scaled for the full layers, plain with a base of its own for the sliding ones. */
export function readTwoRopes(raw: JsonObject, name: string, defaults: { global: number; local: number }): Rope & { localRopeTheta: number } {
  const both = raw['rope_parameters'];
  const isSplit = isJsonObject(both) && ('full_attention' in both || 'sliding_attention' in both);
  if (!isSplit) return { ...readRope(raw, name, { defaultTheta: defaults.global }), localRopeTheta: readLocalTheta(raw, name, defaults.local) };
  const part = (layers: string, fallback: JsonObject) => readRope({ rope_parameters: both[layers] ?? fallback }, name, { defaultTheta: layers === 'full_attention' ? defaults.global : defaults.local });
  const local = part('sliding_attention', { rope_type: 'default' });
  if (local.ropeScaling.type !== 'default') refuseRope(name, `\`rope_parameters.sliding_attention\` of type "${local.ropeScaling.type}"`);
  return { ...part('full_attention', { rope_type: 'default' }), localRopeTheta: local.ropeTheta };
}

function readLocalTheta(raw: JsonObject, name: string, fallback: number): number {
  const values = new ConfigValues((field) => raw[field], name);
  const theta = values.positive('rope_local_base_freq', fallback);
  values.finish();
  return theta;
}

function refuseRope(name: string, got: string): never {
  throw new HyperfitError('ERR_UNSUPPORTED_MODEL', `expected rotary embedding of type ${[...SCALINGS.keys()].join(', ')} in ${name}, got ${got}; use a model with one of them`);
}

function refuseUnknown(rope: JsonObject, type: unknown, key: string, name: string): void {
  const known = type === 'yarn' ? [...KNOWN_KEYS, ...YARN_KEYS] : KNOWN_KEYS;
  const unknown = Object.keys(rope).find((field) => rope[field] !== null && !known.includes(field));
  if (unknown !== undefined) refuseRope(name, `\`${key}.${unknown}\` ${render(rope[unknown])}`);
  if ((rope['partial_rotary_factor'] ?? 1) !== 1) refuseRope(name, `\`${key}.partial_rotary_factor\` ${render(rope['partial_rotary_factor'])}`);
}

/** The spelling that every version of transformers reads. */
export function renderRope({ ropeTheta, ropeScaling }: Rope): JsonObject {
  return { rope_theta: ropeTheta, rope_scaling: renderScaling(ropeScaling) };
}

function renderScaling(scaling: NativeRopeScaling): JsonObject | null {
  switch (scaling.type) {
    case 'default':
      return null;
    case 'linear':
      return { rope_type: 'linear', type: 'linear', factor: scaling.factor };
    case 'llama3':
      return {
        rope_type: 'llama3', factor: scaling.factor, low_freq_factor: scaling.lowFreqFactor, high_freq_factor: scaling.highFreqFactor,
        original_max_position_embeddings: scaling.originalMaxPositionEmbeddings,
      };
    case 'yarn':
      return {
        rope_type: 'yarn', type: 'yarn', factor: scaling.factor, beta_fast: scaling.betaFast, beta_slow: scaling.betaSlow,
        attention_factor: scaling.attentionFactor, truncate: scaling.truncate, original_max_position_embeddings: scaling.originalMaxPositionEmbeddings,
      };
  }
}
