import { HyperfitError } from '../errors.ts';
import type { ModelConfig, NativeRopeScaling } from '../addon-types.ts';
import { ConfigValues, render } from './config-values.ts';
import type { ConfigNotes } from './config-values.ts';
import { isJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';

type Rope = Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'>;

/** What rotary settings are read with. */
export interface RopePlace {
  /** The file, for messages. */
  name: string;
  /** The base where none is given. */
  defaultTheta: number;
  /** `max_position_embeddings`. */
  context: number;
  notes?: ConfigNotes | undefined;
}

export const DEFAULT_THETA = 10000;
const KNOWN_KEYS = [
  'type',
  'rope_type',
  'rope_theta',
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'original_max_position_embeddings',
  'partial_rotary_factor',
];
const YARN_KEYS = ['beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'attention_factor', 'truncate'];
const ORIGINAL = 'original_max_position_embeddings';

/** How each rotary type is read, with the model's context; `longrope` and others are refused. */
const SCALINGS: ReadonlyMap<unknown, (values: ConfigValues, context: number) => NativeRopeScaling> = new Map<
  unknown,
  (values: ConfigValues, context: number) => NativeRopeScaling
>([
  ['default', () => ({ type: 'default' })],
  ['linear', (values) => ({ type: 'linear', factor: values.positive('factor') })],
  ['dynamic', readDynamic],
  [
    'llama3',
    (values) => ({
      type: 'llama3',
      factor: values.positive('factor'),
      lowFreqFactor: values.positive('low_freq_factor'),
      highFreqFactor: values.positive('high_freq_factor'),
      originalMaxPositionEmbeddings: values.size(ORIGINAL),
    }),
  ],
  ['yarn', readYarn],
]);

/** Dynamic scaling stretches only sequences beyond the model's own context, and those are refused: within it all is plain. */
function readDynamic(values: ConfigValues): NativeRopeScaling {
  values.positive('factor');
  return { type: 'default' };
}

function readYarn(values: ConfigValues, context: number): NativeRopeScaling {
  const originalMaxPositionEmbeddings = values.size(ORIGINAL);
  const factor = values.isNull('factor') ? context / originalMaxPositionEmbeddings : values.positive('factor');
  return {
    type: 'yarn',
    factor,
    betaFast: values.positive('beta_fast', 32),
    betaSlow: values.positive('beta_slow', 1),
    attentionFactor: values.has('attention_factor') ? values.positive('attention_factor') : yarnAttentionFactor(values, factor),
    truncate: values.flag('truncate', true),
    originalMaxPositionEmbeddings,
  };
}

/** Peng et al. 2023, section 3.4; the two `mscale` are DeepSeek's, and count together or not at all. */
function yarnAttentionFactor(values: ConfigValues, factor: number): number {
  const grown = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const given = ['mscale', 'mscale_all_dim'].every((key) => values.has(key) && values.raw(key) !== 0);
  return given ? grown(values.positive('mscale')) / grown(values.positive('mscale_all_dim')) : grown(1);
}

/**
 * Rotary settings of a family with one table: `rope_scaling` where that says anything, else `rope_parameters`. The base
 * stands there or beside; the original context beside goes before the one within.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for a type or key that is not known; ERR_MODEL_FILES for impossible values
 */
export function readRope(raw: JsonObject, place: RopePlace): Rope {
  const [scaling, parameters] = [readObject(raw, 'rope_scaling', place.name), readObject(raw, 'rope_parameters', place.name)];
  const key = isEmpty(scaling) ? 'rope_parameters' : 'rope_scaling';
  if (!isEmpty(scaling) && !isEmpty(parameters) && !isSame(scaling, parameters))
    place.notes?.('`rope_scaling` counts and `rope_parameters` beside it does not, as in transformers; take out one of them');
  return readTable(isEmpty(scaling) ? parameters : scaling, key, { ...place, outside: raw });
}

/** The settings of Gemma 3: scaled for the full layers, plain with a base of its own for the sliding ones. */
export function readTwoRopes(raw: JsonObject, place: RopePlace, defaultLocalTheta: number): Rope & { localRopeTheta: number } {
  const parameters = raw['rope_parameters'] === undefined || raw['rope_parameters'] === null ? BOTH_PLAIN : readNested(raw, place.name);
  const full = mergeScaling(raw, parameters['full_attention'], place);
  // Read here from the outer object, where nothing but the two tables may stand.
  const { truncate: _, ...table } = full ?? PLAIN;
  const { ropeTheta, ropeScaling } = readTable(table, 'rope_parameters.full_attention', { ...place, outside: pick(raw, 'rope_theta') });
  const localPlace = {
    ...place,
    defaultTheta: defaultLocalTheta,
    outside: 'rope_local_base_freq' in raw ? { rope_theta: raw['rope_local_base_freq'] } : {},
  };
  const local = readTable(parameters['sliding_attention'] ?? PLAIN, 'rope_parameters.sliding_attention', localPlace);
  if (local.ropeScaling.type !== 'default')
    refuseRope(place.name, `\`rope_parameters.sliding_attention\` of type "${local.ropeScaling.type}"`);
  return { ropeTheta, ropeScaling, localRopeTheta: local.ropeTheta };
}

const PLAIN: JsonObject = { rope_type: 'default' };
const BOTH_PLAIN: Tables = { full_attention: PLAIN, sliding_attention: PLAIN };
type Tables = Partial<Record<'full_attention' | 'sliding_attention', JsonObject | null>>;

/** `rope_scaling` is laid over the full table, so that its old key `type` says nothing beside the `rope_type` there. */
function mergeScaling(raw: JsonObject, full: JsonObject | null | undefined, { name, notes }: RopePlace): JsonObject | null | undefined {
  const scaling = readObject(raw, 'rope_scaling', name);
  if (isEmpty(scaling)) return full;
  if (!full) return refuseRope(name, '`rope_scaling` beside `rope_parameters` without `full_attention`');
  const merged = { ...full, ...scaling };
  if ('type' in scaling && merged['rope_type'] !== scaling['type'])
    notes?.(
      `\`rope_scaling.type\` ${render(scaling['type'])} does not count for a Gemma 3, as in transformers, whose rotation is ${render(merged['rope_type'])}; say it by \`rope_type\``,
    );
  return merged;
}

function readNested(raw: JsonObject, name: string): Tables {
  const both = readObject(raw, 'rope_parameters', name);
  const other = Object.keys(both).find((key) => both[key] !== null && (!(key in BOTH_PLAIN) || !isJsonObject(both[key])));
  if (other !== undefined)
    refuseRope(name, `\`rope_parameters.${other}\` ${render(both[other])} where \`full_attention\` and \`sliding_attention\` stand`);
  return both as Tables;
}

function readTable(
  rope: JsonObject,
  key: string,
  { name, defaultTheta, context, notes, outside }: RopePlace & { outside: JsonObject },
): Rope {
  const type = 'rope_type' in rope ? rope['rope_type'] : 'type' in rope ? rope['type'] : 'default';
  refuseUnknown(rope, type, key, name);
  const read = SCALINGS.get(type) ?? refuseRope(name, `\`${key}\` of type ${render(type)}`);
  const found: JsonObject = {
    rope_theta: defaultTheta,
    [ORIGINAL]: context,
    ...pick(outside, 'rope_theta'),
    ...rope,
    ...pick(outside, ORIGINAL),
  };
  const values = new ConfigValues((field) => found[field], `${key} of ${name}`);
  const ropeTheta = values.positive('rope_theta');
  const ropeScaling = read(values, context);
  values.finish();
  const isPlain = type === 'default' && (rope['type'] ?? type) === type;
  if (isPlain && (rope['factor'] ?? 1) !== 1)
    notes?.(
      `\`${key}.factor\` ${render(rope['factor'])} does not count in a rotation of type "default", as in transformers; say by \`rope_type\` how it scales`,
    );
  return { ropeTheta, ropeScaling };
}

/** {} for an absent key and for null. */
function readObject(raw: JsonObject, key: string, name: string): JsonObject {
  const value = raw[key] ?? {};
  if (!isJsonObject(value))
    throw new HyperfitError('ERR_MODEL_FILES', `expected an object for \`${key}\` in ${name}, got ${render(value)}; correct it`);
  return value;
}

function isEmpty(value: JsonObject): boolean {
  return Object.keys(value).length === 0;
}

function isSame(a: JsonObject, b: JsonObject): boolean {
  return [...Object.keys(a), ...Object.keys(b)].every((key) => a[key] === b[key]);
}

function pick(from: JsonObject, key: string): JsonObject {
  return key in from ? { [key]: from[key] } : {};
}

function refuseRope(name: string, got: string): never {
  throw new HyperfitError(
    'ERR_UNSUPPORTED_MODEL',
    `expected rotary embedding of type ${[...SCALINGS.keys()].join(', ')} in ${name}, got ${got}; use a model with one of them`,
  );
}

function refuseUnknown(rope: JsonObject, type: unknown, key: string, name: string): void {
  const known = type === 'yarn' ? [...KNOWN_KEYS, ...YARN_KEYS] : KNOWN_KEYS;
  const unknown = Object.keys(rope).find((field) => rope[field] !== null && !known.includes(field));
  if (unknown !== undefined) refuseRope(name, `\`${key}.${unknown}\` ${render(rope[unknown])}`);
  if ((rope['partial_rotary_factor'] ?? 1) !== 1)
    refuseRope(name, `\`${key}.partial_rotary_factor\` ${render(rope['partial_rotary_factor'])}`);
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
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFreqFactor,
        high_freq_factor: scaling.highFreqFactor,
        original_max_position_embeddings: scaling.originalMaxPositionEmbeddings,
      };
    case 'yarn':
      return {
        rope_type: 'yarn',
        type: 'yarn',
        factor: scaling.factor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        attention_factor: scaling.attentionFactor,
        truncate: scaling.truncate,
        original_max_position_embeddings: scaling.originalMaxPositionEmbeddings,
      };
  }
}
