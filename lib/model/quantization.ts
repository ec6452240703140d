import type { ModelConfig, ParameterForm } from '../addon-types.ts';
import { isQuantizeType, QUANTIZE_TYPES, type QuantizeType } from '../config/quantize-types.ts';
import { HyperfitError } from '../errors.ts';
import { describeTensors } from './gguf-plan.ts';
import { GGML_TYPES } from './gguf-types.ts';
import type { JsonObject } from './json.ts';
import type { ModelFiles } from './model-files.ts';
import { expectedParameters } from './parameters.ts';
import { QUANTIZE_KEY } from './quantize-key.ts';

/**
 * How a GGUF file of this type stores each parameter, those left out that it holds as they are: the plan of `exportGguf`, fallbacks and
 * head included.
 * @param name of the model, for messages
 * @throws HyperfitError ERR_CONFIG for another type, ERR_UNSUPPORTED_MODEL for a model that llama.cpp does not compute
 */
export function quantizedForms(config: ModelConfig, type: QuantizeType, name: string): ParameterForm[] {
  requireQuantizeType(type);
  try {
    return describeTensors(config, type, '', name)
      .tensors.map(({ parameter, form }) => ({ parameter, form }))
      .filter(({ form }) => isRounded(form));
  } catch (error) {
    if (!(error instanceof HyperfitError) || error.code !== 'ERR_UNSUPPORTED_MODEL') throw error;
    throw new HyperfitError(
      error.code,
      `expected no \`quantize\` for ${name}, got ${type}: there is no such GGUF file (${error.message}); leave \`quantize\` out`,
      { cause: error },
    );
  }
}

/** How the files themselves store each parameter, for going back onto the grid that weights came from; empty where that is float32. */
export function ownForms({ sources }: Pick<ModelFiles, 'sources'>): ParameterForm[] {
  return sources
    .filter(({ type }) => type !== 'F64')
    .map(({ name, type, add = 0, transposed = false }) => ({
      parameter: name,
      form: { type, ropeHeads: 0, add: -add || 0, scale: 1, transposed },
    }))
    .filter(({ form }) => isRounded(form));
}

/** Adding and taking away again rounds float32 too. */
function isRounded({ type, add, scale }: ParameterForm['form']): boolean {
  return type !== 'F32' || add !== 0 || scale !== 1;
}

/** Whether two ways of storing leave the same weights. */
export function isSameRounding(left: readonly ParameterForm[], right: readonly ParameterForm[]): boolean {
  const described = (forms: readonly ParameterForm[]): string =>
    JSON.stringify(forms.map(({ parameter, form: { type, add, scale, transposed } }) => [parameter, type, add, scale, transposed]).sort());
  return described(left) === described(right);
}

const TYPES: ReadonlyMap<string, { elements: number; bytes: number }> = new Map([...GGML_TYPES.values()].map((type) => [type.name, type]));

/** Bits that a weight takes, over all of a model; what has no form is float32. */
export function bitsPerWeight(config: ModelConfig, forms: readonly ParameterForm[]): number {
  const types = new Map(forms.map(({ parameter, form }) => [parameter, form.type]));
  const sizes = [...expectedParameters(config)].map(([parameter, shape]) => {
    const { elements, bytes } = TYPES.get(types.get(parameter) ?? 'F32')!;
    const count = shape.reduce((product, size) => product * size, 1);
    return { count, bits: (8 * bytes * count) / elements };
  });
  return sizes.reduce((sum, { bits }) => sum + bits, 0) / sizes.reduce((sum, { count }) => sum + count, 0);
}

/** @throws HyperfitError ERR_CONFIG */
export function requireQuantizeType(type: unknown): asserts type is QuantizeType {
  if (isQuantizeType(type)) return;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected one of ${QUANTIZE_TYPES.join(', ')} for \`quantize\`, got ${JSON.stringify(type) ?? String(type)}; choose one of them, or null for float32`,
  );
}

/**
 * The type that saved weights were trained for; null for any others.
 * @throws HyperfitError ERR_MODEL_FILES for a type that is none
 */
export function trainedType({ rawConfig, path }: { rawConfig: JsonObject | undefined; path: string }): QuantizeType | null {
  const type = rawConfig?.[QUANTIZE_KEY] ?? null;
  if (type === null || isQuantizeType(type)) return type;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected one of ${QUANTIZE_TYPES.join(', ')} for \`${QUANTIZE_KEY}\` in config.json of ${path}, got ${JSON.stringify(type)}; take the key out to read plain float32 weights`,
  );
}
