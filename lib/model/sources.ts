import { HyperfitError } from '../errors.ts';
import type { ModelConfig, TensorSource } from '../addon-types.ts';
import { expectedParameters } from './parameters.ts';

/** What native/engine/dequantize.cc decodes. */
export const DECODABLE_TYPES = ['F32', 'F16', 'BF16', 'F64', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K'];
const MOST_NAMES = 10;
const IMAGE_MODEL_PREFIXES = [['language_model.model.', 'model.'], ['model.language_model.', 'model.'], ['language_model.lm_head.', 'lm_head.']] as const;

/** Buffers that old files hold, the head of a tied model, which repeats the embedding, and the image half of Gemma 3. */
function isIgnored(name: string, config: ModelConfig): boolean {
  if (name === 'lm_head.weight') return config.tieWordEmbeddings;
  if (config.weightLayout === 'fused') return /\.attn\.(bias|masked_bias)$/.test(name);
  return /\.rotary_emb\.inv_freq$/.test(name) || /^(model\.)?(vision_tower|multi_modal_projector)\./.test(name);
}

/**
 * The name that Hugging Face's causal language model gives, whatever wrote the file: GPT-2's own files leave
 * `transformer.` out, and those of a Gemma 3 that reads images put `language_model.` before or within.
 */
function canonicalName(name: string, config: ModelConfig): string {
  if (config.weightLayout === 'fused') return /^(wte|wpe|h|ln_f)\./.test(name) ? `transformer.${name}` : name;
  const [prefix, own] = IMAGE_MODEL_PREFIXES.find(([given]) => name.startsWith(given)) ?? ['', ''];
  return own + name.slice(prefix.length);
}

/**
 * The sources of exactly the parameters that `config` asks for, in Hugging Face's order; `path` is for messages.
 * @throws HyperfitError ERR_MODEL_FILES listing missing and superfluous names and other shapes; ERR_UNSUPPORTED_MODEL
 * for types that cannot be decoded
 */
export function selectSources(sources: readonly TensorSource[], config: ModelConfig, path: string): TensorSource[] {
  const expected = expectedParameters(config);
  const named = sources.map((source) => ({ ...source, name: canonicalName(source.name, config) }));
  const given = new Map(named.filter(({ name }) => !isIgnored(name, config)).map((source) => [source.name, source]));
  const problems = [...listMissing(expected, given), ...listExtra(expected, given), ...listMisshapen(expected, given)];
  if (problems.length > 0) throw new HyperfitError('ERR_MODEL_FILES', `expected the parameters that the configuration of ${path} asks for, got ${problems.join('; ')}; fetch the model again, or use the configuration that belongs to it`);
  const selected = [...expected.keys()].map((name) => given.get(name) as TensorSource);
  checkTypes(selected, path);
  return selected;
}

type Shapes = ReadonlyMap<string, readonly number[]>;
type Sources = ReadonlyMap<string, TensorSource>;

function listMissing(expected: Shapes, given: Sources): string[] {
  return list('nothing for', [...expected.keys()].filter((name) => !given.has(name)));
}

function listExtra(expected: Shapes, given: Sources): string[] {
  return list('superfluous', [...given.keys()].filter((name) => !expected.has(name)));
}

function listMisshapen(expected: Shapes, given: Sources): string[] {
  const pairs = [...expected].flatMap(([name, shape]) => {
    const source = given.get(name);
    const got = source && (source.transposed ? source.shape.toReversed() : source.shape);
    return got === undefined || `${got}` === `${shape}` ? [] : [`${name} [${got}] instead of [${shape}]`];
  });
  return list('shapes', pairs);
}

function list(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const rest = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return [`${what} ${names.slice(0, MOST_NAMES).join(', ')}${rest}`];
}

function checkTypes(sources: readonly TensorSource[], path: string): void {
  const refused = sources.filter(({ type }) => !DECODABLE_TYPES.includes(type));
  const [first] = refused;
  if (first === undefined) return;
  throw new HyperfitError('ERR_UNSUPPORTED_MODEL', `expected one of ${DECODABLE_TYPES.join(' ')} for the tensors of ${path}, got ${first.type} for \`${first.name}\` and ${refused.length - 1} more of other types; use another quantisation of this model`);
}
