import type { ModelConfig } from '../addon-types.ts';
import { EMBEDDINGS } from './adapter-files.ts';
import { renderJson } from './config-render.ts';
import type { JsonObject } from './json.ts';
import { expectedParameters } from './parameters.ts';

/** PEFT's version whose adapter_config.json is written here. */
const PEFT_VERSION = '0.21.2';
const IN_LAYER = /^(?:model\.layers|transformer\.h)\.(\d+)\.(.+)$/;

export interface AdapterDescription {
  /** Parameters that are added to, such as model.layers.0.self_attn.q_proj.weight. */
  parameters: readonly string[];
  rank: number;
  alpha: number;
  /** Modules of another rank and alpha than these two. */
  ranks?: Readonly<Record<string, number>>;
  alphas?: Readonly<Record<string, number>>;
  /** Where the base is: a name of the Hugging Face hub, or a path. */
  baseModel: string;
}

/** adapter_config.json, with every key that PEFT writes. */
export function renderAdapterConfig(
  { parameters, rank, alpha, ranks = {}, alphas = {}, baseModel }: AdapterDescription,
  config: ModelConfig,
): string {
  const modules = parameters.map((name) => name.replace(/\.weight$/, ''));
  const { targets, layers } = describeTargets(modules, config);
  const ensuresTying = config.tieWordEmbeddings && modules.some((module) => EMBEDDINGS.includes(module));
  const settings: JsonObject = {
    alora_invocation_tokens: null,
    alpha_pattern: withHead(alphas, ensuresTying),
    arrow_config: null,
    auto_mapping: null,
    base_model_name_or_path: baseModel,
    bias: 'none',
    corda_config: null,
    ensure_weight_tying: ensuresTying,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: config.weightLayout === 'fused',
    inference_mode: true,
    init_lora_weights: true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: layers,
    loftq_config: {},
    lora_alpha: alpha,
    lora_bias: false,
    lora_dropout: 0,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    peft_type: 'LORA',
    peft_version: PEFT_VERSION,
    qalora_group_size: 16,
    r: rank,
    rank_pattern: withHead(ranks, ensuresTying),
    revision: null,
    target_modules: targets,
    target_parameters: null,
    task_type: 'CAUSAL_LM',
    trainable_token_indices: null,
    use_dora: false,
    use_qalora: false,
    use_rslora: false,
  };
  return renderJson(settings);
}

/** PEFT makes the head's additions by the head's own rank and alpha, and then puts the embedding's in their place. */
function withHead(pattern: Readonly<Record<string, number>>, ensuresTying: boolean): Record<string, number> {
  const own = ensuresTying ? EMBEDDINGS.map((module) => pattern[module]).find((value) => value !== undefined) : undefined;
  return own === undefined ? { ...pattern } : { ...pattern, lm_head: own };
}

/** Short names and the numbers of the layers where these say exactly the modules meant, else every module by its full name. */
function describeTargets(modules: readonly string[], config: ModelConfig): { targets: string[]; layers: number[] | null } {
  const tables = modules.filter((module) => !IN_LAYER.test(module));
  const inLayers = describeLayerTargets(
    modules.filter((module) => IN_LAYER.test(module)),
    config,
  );
  // PEFT would look for a layer's number in the name of an embedding.
  return tables.length === 0 || inLayers.layers === null
    ? { ...inLayers, targets: [...inLayers.targets, ...tables] }
    : { targets: [...modules], layers: null };
}

function describeLayerTargets(modules: readonly string[], config: ModelConfig): { targets: string[]; layers: number[] | null } {
  const placed = modules.map((module) => IN_LAYER.exec(module));
  const layers = [...new Set(placed.map((match) => Number(match?.[1])))].sort((a, b) => a - b);
  const names = [...new Set(placed.map((match) => match?.[2] ?? ''))];
  const isRegular = names.length * layers.length === modules.length;
  if (!isRegular) return { targets: [...modules], layers: null };
  const known = layerModules(config);
  const targets = names.map((name) => shortest(name, known, names));
  return { targets: [...new Set(targets)], layers: layers.length === config.numHiddenLayers ? null : layers };
}

/** What stands in the layers of this model: PEFT would add to anything whose name ends so, norms and activations it refuses. */
function layerModules(config: ModelConfig): string[] {
  return [...expectedParameters(config).keys()].flatMap((name) => IN_LAYER.exec(name.replace(/\.(weight|bias)$/, ''))?.[2] ?? []);
}

/** `q_proj` for `self_attn.q_proj`, where no module that is left alone ends so. */
function shortest(name: string, known: readonly string[], meant: readonly string[]): string {
  const end = name.slice(name.lastIndexOf('.') + 1);
  const others = known.filter((module) => (module === end || module.endsWith(`.${end}`)) && !meant.includes(module));
  return others.length === 0 ? end : name;
}
