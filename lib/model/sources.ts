import { HyperfitError } from '../errors.ts';
import type { ModelConfig, TensorSource } from '../addon-types.ts';
import { expectedParameters } from './parameters.ts';

/** What native/engine/dequantize.cc decodes. */
export const DECODABLE_TYPES = ['F32', 'F16', 'BF16', 'F64', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K'];
const MOST_NAMES = 10;

/** Buffers that old files hold, and the head of a tied model, which repeats the embedding. */
function isIgnored(name: string, config: ModelConfig): boolean {
  return /\.rotary_emb\.inv_freq$/.test(name) || (name === 'lm_head.weight' && config.tieWordEmbeddings);
}

/**
 * The sources of exactly the parameters that `config` asks for, in Hugging Face's order; `path` is for messages.
 * @throws HyperfitError ERR_MODEL_FILES listing missing and superfluous names and other shapes; ERR_UNSUPPORTED_MODEL
 * for types that cannot be decoded
 */
export function selectSources(sources: readonly TensorSource[], config: ModelConfig, path: string): TensorSource[] {
  const expected = expectedParameters(config);
  const given = new Map(sources.filter(({ name }) => !isIgnored(name, config)).map((source) => [source.name, source]));
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
    return source === undefined || `${source.shape}` === `${shape}` ? [] : [`${name} [${source.shape}] instead of [${shape}]`];
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
