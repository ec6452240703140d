import { HyperfitError } from '../errors.ts';
import type { ModelConfig, NativeRopeScaling } from '../addon-types.ts';
import { ConfigValues, render } from './config-values.ts';
import { isJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';

type Rope = Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'>;

const DEFAULT_THETA = 10000;
const KNOWN_KEYS = ['type', 'rope_type', 'rope_theta', 'factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings', 'partial_rotary_factor'];

/** How each rotary type is read; `dynamic`, `yarn` and `longrope` are others' and refused. */
const SCALINGS: ReadonlyMap<unknown, (values: ConfigValues) => NativeRopeScaling> = new Map<unknown, (values: ConfigValues) => NativeRopeScaling>([
  ['default', () => ({ type: 'default' })],
  ['linear', (values) => ({ type: 'linear', factor: values.positive('factor') })],
  ['llama3', (values) => ({
    type: 'llama3',
    factor: values.positive('factor'),
    lowFreqFactor: values.positive('low_freq_factor'),
    highFreqFactor: values.positive('high_freq_factor'),
    originalMaxPositionEmbeddings: values.size('original_max_position_embeddings'),
  })],
]);

/**
 * Rotary settings in either spelling: `rope_theta` beside `rope_scaling`, or both in `rope_parameters`.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for a type or key that is not known; ERR_MODEL_FILES for impossible values
 */
export function readRope(raw: JsonObject, name: string): Rope {
  const key = raw['rope_parameters'] ? 'rope_parameters' : 'rope_scaling';
  const rope = raw[key] ?? {};
  if (!isJsonObject(rope)) throw new HyperfitError('ERR_MODEL_FILES', `expected an object for \`${key}\` in ${name}, got ${render(rope)}; correct it`);
  refuseUnknown(rope, key, name);
  const type = rope['rope_type'] ?? rope['type'] ?? 'default';
  const read = SCALINGS.get(type) ?? refuseRope(name, `\`${key}\` of type ${render(type)}`);
  const values = new ConfigValues((field) => rope[field] ?? (field === 'rope_theta' ? raw[field] : undefined), `${key} of ${name}`);
  const ropeTheta = values.positive('rope_theta', DEFAULT_THETA);
  const ropeScaling = read(values);
  values.finish();
  return { ropeTheta, ropeScaling };
}

function refuseRope(name: string, got: string): never {
  throw new HyperfitError('ERR_UNSUPPORTED_MODEL', `expected rotary embedding of type ${[...SCALINGS.keys()].join(', ')} in ${name}, got ${got}; use a model with one of them`);
}

function refuseUnknown(rope: JsonObject, key: string, name: string): void {
  const unknown = Object.keys(rope).find((field) => rope[field] !== null && !KNOWN_KEYS.includes(field));
  if (unknown !== undefined) refuseRope(name, `\`${key}.${unknown}\` ${render(rope[unknown])}`);
  if ((rope['partial_rotary_factor'] ?? 1) !== 1) refuseRope(name, `\`${key}.partial_rotary_factor\` ${render(rope['partial_rotary_factor'])}`);
}

/** The spelling that every version of transformers reads. */
export function renderRope({ ropeTheta, ropeScaling }: Rope): JsonObject {
  if (ropeScaling.type === 'default') return { rope_theta: ropeTheta, rope_scaling: null };
  if (ropeScaling.type === 'linear') return { rope_theta: ropeTheta, rope_scaling: { rope_type: 'linear', type: 'linear', factor: ropeScaling.factor } };
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = ropeScaling;
  const scaling = { rope_type: 'llama3', factor, low_freq_factor: lowFreqFactor, high_freq_factor: highFreqFactor, original_max_position_embeddings: originalMaxPositionEmbeddings };
  return { rope_theta: ropeTheta, rope_scaling: scaling };
}
