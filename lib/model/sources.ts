import { HyperfitError } from '../errors.ts';
import type { ModelConfig, TensorSource } from '../addon-types.ts';
import { expectedParameters } from './parameters.ts';
import { clip } from './render.ts';
import { resolveTiedHead } from './tied-head.ts';
import { nameSources } from './weight-names.ts';

/** What native/engine/dequantize.cc decodes. */
export const DECODABLE_TYPES = ['F32', 'F16', 'BF16', 'F64', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K'];
const MOST_NAMES = 10;

/** What a model's weights come from, and what they make of its configuration. */
export interface SelectedSources {
  /** Exactly the parameters that `config` asks for, in Hugging Face's order and under its names. */
  sources: TensorSource[];
  /** As given, but untied where the file holds a head of its own. */
  config: ModelConfig;
  /** What was passed over or read otherwise than the configuration says. */
  notes: string[];
}

/**
 * The sources of the parameters that `config` asks for; `path` is for messages.
 * @throws HyperfitError ERR_MODEL_FILES listing missing and superfluous names and other shapes, and for adapters; ERR_UNSUPPORTED_MODEL
 * for types that cannot be decoded
 */
export async function selectSources(sources: readonly TensorSource[], config: ModelConfig, path: string): Promise<SelectedSources> {
  const named = nameSources(sources, config, path);
  const tied = await resolveTiedHead(named.sources, config);
  const expected = expectedParameters(tied.config);
  refuseBareModel(expected, tied.sources, path);
  const problems = [...listMissing(expected, tied.sources), ...listExtra(expected, tied.sources), ...listMisshapen(expected, tied.sources)];
  if (problems.length > 0)
    throw new HyperfitError(
      'ERR_MODEL_FILES',
      `expected the parameters that the configuration of ${path} asks for, got ${problems.join('; ')}; fetch the model again, or use the configuration that belongs to it`,
    );
  const selected = [...expected.keys()].map((name) => tied.sources.get(name) as TensorSource);
  checkTypes(selected, path);
  const { config: fitting, notes } = fitPositions(tied.config, selected);
  return { sources: selected, config: fitting, notes: [...named.notes, ...tied.notes, ...notes] };
}

/** Rotary tables of a usual context take a tenth of it. */
const TABLE_BYTES = 2 ** 27;

/** Tables of rotations hold a row for each position: a small file must not ask for more memory than a large one takes. */
function fitPositions(config: ModelConfig, sources: readonly TensorSource[]): { config: ModelConfig; notes: string[] } {
  if (config.layerRopes.every((rope) => rope === 'none')) return { config, notes: [] };
  const weights = sources.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const most = Math.floor(Math.max(TABLE_BYTES, weights) / (4 * config.headDim * new Set(config.layerRopes).size));
  if (config.maxPositionEmbeddings <= most) return { config, notes: [] };
  return {
    config: { ...config, maxPositionEmbeddings: most },
    notes: [
      `contexts were cut to ${most} tokens: tables for the ${config.maxPositionEmbeddings} of the configuration would take more memory than the weights`,
    ],
  };
}

/** Everything is there but the head: what AutoModel saves. */
function refuseBareModel(expected: Shapes, given: Sources, path: string): void {
  const missing = [...expected.keys()].filter((name) => !given.has(name));
  if (missing.length !== 1 || missing[0] !== 'lm_head.weight') return;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected a head, \`lm_head.weight\`, in ${path}, got the weights of a base model without one; save it by AutoModelForCausalLM from the original, or set \`tie_word_embeddings\` to true if its embedding is its head`,
  );
}

type Shapes = ReadonlyMap<string, readonly number[]>;
type Sources = ReadonlyMap<string, TensorSource>;

function listMissing(expected: Shapes, given: Sources): string[] {
  return list(
    'nothing for',
    [...expected.keys()].filter((name) => !given.has(name)),
  );
}

function listExtra(expected: Shapes, given: Sources): string[] {
  return list(
    'superfluous',
    [...given.keys()].filter((name) => !expected.has(name)),
  );
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
  return [
    `${what} ${names
      .slice(0, MOST_NAMES)
      .map((name) => clip(name, 160))
      .join(', ')}${rest}`,
  ];
}

/** @throws HyperfitError ERR_UNSUPPORTED_MODEL for types that cannot be decoded */
export function checkTypes(sources: readonly TensorSource[], path: string): void {
  const refused = sources.filter(({ type }) => !DECODABLE_TYPES.includes(type));
  const [first] = refused;
  if (first === undefined) return;
  throw new HyperfitError(
    'ERR_UNSUPPORTED_MODEL',
    `expected one of ${DECODABLE_TYPES.join(' ')} for the tensors of ${path}, got ${first.type} for \`${first.name}\` and ${refused.length - 1} more of other types; use another quantisation of this model`,
  );
}
