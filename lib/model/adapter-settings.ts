import { HyperfitError } from '../errors.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { clip, render } from './render.ts';

/** What an adapter_config.json of PEFT means for hyperfit. */
export interface AdapterSettings {
  rank: number;
  alpha: number;
  /** The product is multiplied by alpha / sqrt(rank) in place of alpha / rank. */
  rankStabilized: boolean;
  /** Module name, or its end, -> what counts there in place of `rank` and `alpha`. The first that fits counts. */
  rankPattern: ReadonlyMap<string, number>;
  alphaPattern: ReadonlyMap<string, number>;
  /**
   * Names of modules, or their ends; undefined where a regular expression, `all-linear` or what is left out says it: then the tensors do.
   */
  targetModules: readonly string[] | undefined;
  /** Undefined for every layer. */
  layersToTransform: readonly number[] | undefined;
  /** A head that is the embedding gets the embedding's additions too. */
  ensuresTying: boolean;
  /** What the adapter was made for, as PEFT wrote it. */
  baseModel: string | undefined;
}

/** Settings of training or bookkeeping, which say nothing about what is computed. */
const PASSED_OVER = new Set([
  'auto_mapping',
  'peft_version',
  'revision',
  'inference_mode',
  'lora_dropout',
  'fan_in_fan_out',
  'megatron_core',
  'qalora_group_size',
  'runtime_config',
  'loftq_config',
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'exclude_modules',
  'layers_pattern',
]);
const READ = new Set([
  'peft_type',
  'task_type',
  'r',
  'lora_alpha',
  'use_rslora',
  'rank_pattern',
  'alpha_pattern',
  'target_modules',
  'layers_to_transform',
  'base_model_name_or_path',
  'bias',
  'init_lora_weights',
  'ensure_weight_tying',
]);
const MERGE = 'merge it with PEFT: AutoPeftModelForCausalLM.from_pretrained(folder).merge_and_unload().save_pretrained(whole)';
/** What hyperfit does not compute -> what it is. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  use_dora: 'DoRA',
  modules_to_save: 'modules that are saved whole',
  lora_bias: 'biases of B',
  layer_replication: 'layers that are repeated',
  trainable_token_indices: 'tokens that are trained by themselves',
  target_parameters: 'parameters that are no modules',
  alora_invocation_tokens: 'activated LoRA',
  use_qalora: 'QALoRA',
  use_bdlora: 'block-diagonal LoRA',
  megatron_config: 'parallel layers of Megatron',
};
/** Ways to begin that take a part out of the base, which then is another model. */
const CHANGED_BASE = /^(pissa|olora|corda|loftq|lora_ga)/;

/**
 * Reads what PEFT wrote; `file` is for messages.
 * @throws HyperfitError ERR_MODEL_FILES for values of the wrong kind, ERR_UNSUPPORTED_MODEL for settings that hyperfit does not have, by
 * name
 */
export function readAdapterSettings(config: JsonObject, file: string): AdapterSettings {
  refuseUnsupported(config, file);
  const expect = (fits: boolean, what: string, key: string): void => {
    if (!fits)
      throw new HyperfitError(
        'ERR_MODEL_FILES',
        `expected ${what} for \`${key}\` in ${file}, got ${render(config[key])}; save the adapter again with PEFT`,
      );
  };
  const {
    r,
    lora_alpha: alpha,
    use_rslora: rankStabilized,
    ensure_weight_tying: ensuresTying,
    base_model_name_or_path: baseModel,
  } = config;
  expect(isRank(r), 'a whole number of at least 1', 'r');
  expect(typeof alpha === 'number' && Number.isFinite(alpha), 'a number', 'lora_alpha');
  expect(isNothing(rankStabilized) || rankStabilized === true, 'true or false', 'use_rslora');
  expect(isNothing(ensuresTying) || ensuresTying === true, 'true or false', 'ensure_weight_tying');
  return {
    rank: r as number,
    alpha: alpha as number,
    rankStabilized: rankStabilized === true,
    rankPattern: readPattern(config, 'rank_pattern', isRank, file),
    alphaPattern: readPattern(config, 'alpha_pattern', (value) => typeof value === 'number' && Number.isFinite(value), file),
    targetModules: readTargets(config, expect),
    layersToTransform: readLayers(config, expect),
    ensuresTying: ensuresTying === true,
    baseModel: typeof baseModel === 'string' && baseModel !== '' ? baseModel : undefined,
  };
}

type Expect = (fits: boolean, what: string, key: string) => void;

function isRank(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** How PEFT says that something is not used. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return (Array.isArray(value) && value.length === 0) || (isJsonObject(value) && Object.keys(value).length === 0);
}

function refuseUnsupported(config: JsonObject, file: string): void {
  const refuse = (key: string, what: string, remedy = MERGE): never => {
    throw new HyperfitError(
      'ERR_UNSUPPORTED_MODEL',
      `expected a plain LoRA adapter in ${file}, got \`${clip(key)}\` ${render(config[key])}${what === '' ? '' : `: ${what}`}; ${remedy}`,
    );
  };
  const { peft_type: type, task_type: task, bias, init_lora_weights: init } = config;
  if (type !== 'LORA') refuse('peft_type', 'another kind than LoRA');
  if (!isNothing(task) && task !== 'CAUSAL_LM') refuse('task_type', 'of a model for another task', 'give an adapter for CAUSAL_LM');
  if (!isNothing(bias) && bias !== 'none') refuse('bias', 'biases that were trained too');
  if (typeof init === 'string' && CHANGED_BASE.test(init)) {
    refuse(
      'init_lora_weights',
      'it belongs to a base that was changed first',
      'save it by PEFT with path_initial_model_for_weight_conversion, which makes it one for the base as it is',
    );
  }
  for (const key of Object.keys(config)) {
    if (READ.has(key) || PASSED_OVER.has(key) || isNothing(config[key])) continue;
    refuse(key, UNSUPPORTED[key] ?? 'a setting that is not known here');
  }
}

/** PEFT reads the keys as regular expressions; names are as far as hyperfit goes, since an expression of a stranger may never end. */
function readPattern(config: JsonObject, key: string, fits: (value: unknown) => boolean, file: string): Map<string, number> {
  const pattern = config[key] ?? {};
  const wrong = (what: string, got: unknown): never => {
    throw new HyperfitError(
      'ERR_UNSUPPORTED_MODEL',
      `expected ${what} in \`${key}\` of ${file}, got ${render(got)}; write out the names of the modules, or ${MERGE}`,
    );
  };
  if (!isJsonObject(pattern)) return wrong('an object', pattern);
  return new Map(
    Object.entries(pattern).map(([name, value]) => {
      const plain = name.replace(/^\^/, '').replaceAll('\\.', '.');
      if (!/^[\w.]+$/.test(plain)) wrong('names of modules', name);
      if (!fits(value)) wrong('numbers', value);
      return [plain, value as number];
    }),
  );
}

function readTargets(config: JsonObject, expect: Expect): readonly string[] | undefined {
  const { target_modules: targets, exclude_modules: excluded } = config;
  if (typeof targets === 'string' || !isNothing(excluded)) return undefined;
  expect(
    Array.isArray(targets) && targets.length > 0 && targets.every((name) => typeof name === 'string'),
    'names of modules',
    'target_modules',
  );
  return targets as string[];
}

function readLayers(config: JsonObject, expect: Expect): readonly number[] | undefined {
  const { layers_to_transform: layers } = config;
  if (isNothing(layers)) return undefined;
  const list: readonly unknown[] = Array.isArray(layers) ? layers : [layers];
  expect(
    list.every((layer) => Number.isSafeInteger(layer) && (layer as number) >= 0),
    'numbers of layers',
    'layers_to_transform',
  );
  return list as number[];
}

/** Whether a module is named in full or by its end, as PEFT compares. */
function isNamed(module: string, names: Iterable<string>): boolean {
  return [...names].some((name) => module === name || module.endsWith(`.${name}`));
}

/** Whether the settings mean a module of layer `layer`; of what stands in no layer `layers_to_transform` says nothing. */
export function isTargeted({ targetModules, layersToTransform }: AdapterSettings, module: string, layer: number | undefined): boolean {
  if (targetModules === undefined || targetModules.includes(module)) return true;
  return isNamed(module, targetModules) && (layersToTransform === undefined || layer === undefined || layersToTransform.includes(layer));
}

function patternValue(pattern: ReadonlyMap<string, number>, module: string, fallback: number): number {
  return [...pattern].find(([name]) => isNamed(module, [name]))?.[1] ?? fallback;
}

/** Rank of a module's additions, and what their product is multiplied by. */
export function scalingOf(settings: AdapterSettings, module: string): { rank: number; scale: number } {
  const rank = patternValue(settings.rankPattern, module, settings.rank);
  const alpha = patternValue(settings.alphaPattern, module, settings.alpha);
  return { rank, scale: alpha / (settings.rankStabilized ? Math.sqrt(rank) : rank) };
}
