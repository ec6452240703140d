import { join, resolve } from 'node:path';
import type { ModelConfig, TensorSource } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { readdir } from '../file-system.ts';
import { locateModel } from '../hub/locate.ts';
import { readTextFile } from '../regular-file.ts';
import { isTargeted, readAdapterSettings, scalingOf, type AdapterSettings } from './adapter-settings.ts';
import { parseJsonObject } from './json.ts';
import { expectedParameters } from './parameters.ts';
import { clip } from './render.ts';
import { readSafetensorsSources } from './safetensors.ts';
import { checkTypes } from './sources.ts';

export const ADAPTER_CONFIG = 'adapter_config.json';
export const ADAPTER_WEIGHTS = 'adapter_model.safetensors';
/** Where a checkpoint of a LoRA run keeps its adapter, so that the folder itself is the merged model for every reader. */
export const ADAPTER_FOLDER = 'adapter';
const PREFIX = 'base_model.model.';
const BASE = '.base_layer.weight';

/** W = base + scale B A of one parameter, before anything is read. */
export interface PlannedAddition {
  /** Of the model. */
  parameter: string;
  scale: number;
  /** [rank, in] */
  a: TensorSource;
  /** [out, rank] */
  b: TensorSource;
  /** The parameter is stored [in, out]: GPT-2's matrices, and embeddings, of which PEFT keeps A [rank, rows] and B [columns, rank]. */
  isTransposed: boolean;
  /** What the parameter was before: PEFT saves tables that it adds to along with the adapter, since they may have grown. */
  base?: TensorSource;
}

export interface AdapterFiles {
  /** Absolute path of the folder. */
  path: string;
  settings: AdapterSettings;
  sources: TensorSource[];
}

/**
 * Reads the head of a PEFT adapter: a folder with adapter_config.json, or a checkpoint or model folder that holds one in `adapter/`.
 * @throws HyperfitError ERR_MODEL_FILES, ERR_SAFETENSORS; ERR_UNSUPPORTED_MODEL for settings that hyperfit does not have
 */
export async function openAdapter(path: string): Promise<AdapterFiles> {
  const folder = await findAdapter(resolve(await locateModel(path)));
  const file = join(folder, ADAPTER_CONFIG);
  const settings = readAdapterSettings(parseJsonObject(await readTextFile(file, 'ERR_MODEL_FILES'), file, 'ERR_MODEL_FILES'), file);
  const names = await listNames(folder);
  if (names.includes(ADAPTER_WEIGHTS))
    return { path: folder, settings, sources: await readSafetensorsSources(join(folder, ADAPTER_WEIGHTS)) };
  const pickle = names.find((name) => /^adapter_model\.(bin|pt)$/.test(name));
  const got = pickle === undefined ? 'none' : `${pickle}, a pickle, which can run code and is never read`;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected ${ADAPTER_WEIGHTS} in ${folder}, got ${got}; save the adapter again with PEFT: model.save_pretrained(folder)`,
  );
}

async function findAdapter(path: string): Promise<string> {
  for (const folder of [path, join(path, ADAPTER_FOLDER)]) if ((await listNames(folder)).includes(ADAPTER_CONFIG)) return folder;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected the folder of a PEFT adapter (${ADAPTER_CONFIG}) for \`adapter\`, got ${path}, which has none; give the folder that PEFT wrote, or a checkpoint of a LoRA run`,
  );
}

async function listNames(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

/**
 * Which parameters of a model the adapter adds to, and by how much.
 * @throws HyperfitError ERR_MODEL_FILES for tensors that do not fit this model or the adapter's own settings, by name
 */
export function planAdapter(files: AdapterFiles, config: ModelConfig): PlannedAddition[] {
  const { path, settings, sources } = files;
  checkTypes(sources, path);
  const shapes = expectedParameters(config);
  // Where PEFT ties the head's additions to the embedding's, it writes them twice.
  const isTiedHead = (name: string): boolean => settings.ensuresTying && config.tieWordEmbeddings && name.startsWith(`${PREFIX}lm_head.`);
  const bases = new Map(
    sources.filter(({ name }) => name.endsWith(BASE)).map((source) => [source.name.slice(PREFIX.length, -BASE.length), source]),
  );
  const halves = pairTensors(
    sources.filter(({ name }) => !isTiedHead(name) && !name.endsWith(BASE)),
    path,
  );
  const additions = [...halves].map(([module, { a, b, isEmbedding }]): PlannedAddition => {
    const parameter = `${module}.weight`;
    checkModule(module, shapes.get(parameter), config, files);
    checkTargeted(module, settings, path);
    const { rank, scale } = scalingOf(settings, module);
    const isTransposed = isEmbedding || (config.weightLayout === 'fused' && layerOf(module) !== undefined);
    checkShapes(module, { a, b }, storedShapes(shapes.get(parameter)!, rank, isTransposed), path);
    const base = bases.get(module);
    if (base !== undefined && `${base.shape}` !== `${shapes.get(parameter)!}`)
      refuse(
        path,
        `[${shapes.get(parameter)!}] as the base of \`${module}\``,
        `[${base.shape}]`,
        'the vocabulary has grown; merge the adapter with PEFT',
      );
    return { parameter, scale, a, b, isTransposed, ...(base && { base }) };
  });
  checkComplete(settings, halves, shapes, path);
  return additions;
}

interface Halves {
  a: TensorSource;
  b: TensorSource;
  isEmbedding: boolean;
}

const HALF = /^(.+)\.lora_(?:(A|B)(?:\.default)?\.weight|embedding_(A|B)(?:\.default)?)$/;

/** By module, in the order of the file. */
function pairTensors(sources: readonly TensorSource[], path: string): Map<string, Halves> {
  const found = new Map<string, Partial<Halves>>();
  for (const source of sources) {
    const [, prefixed, linear, embedding] = HALF.exec(source.name) ?? [];
    if (prefixed === undefined || !prefixed.startsWith(PREFIX)) {
      refuse(
        path,
        `tensors named ${PREFIX}<module>.lora_A.weight and lora_B.weight`,
        `\`${clip(source.name)}\``,
        'it is no part of a plain LoRA; merge the adapter with PEFT, or leave that tensor out',
      );
    }
    const module = prefixed.slice(PREFIX.length);
    const half = (linear ?? embedding) === 'A' ? { a: source } : { b: source };
    found.set(module, { ...found.get(module), ...half, isEmbedding: embedding !== undefined });
  }
  if (found.size === 0) refuse(path, 'tensors', 'none', 'save the adapter again with PEFT');
  for (const [module, { a, b }] of found)
    if (a === undefined || b === undefined)
      refuse(path, 'A and B of each module', `only one of them for \`${clip(module)}\``, 'save the adapter again with PEFT');
  return found as Map<string, Halves>;
}

/** Modules that are a table of rows. */
export const EMBEDDINGS: readonly string[] = ['model.embed_tokens', 'transformer.wte'];
/** The only one whose additions PEFT ties to the head. */
const TIED = 'model.embed_tokens';

function checkModule(
  module: string,
  shape: readonly number[] | undefined,
  { tieWordEmbeddings }: ModelConfig,
  { path, settings }: AdapterFiles,
): void {
  const isShared =
    tieWordEmbeddings && (EMBEDDINGS.includes(module) || module === 'lm_head') && !(settings.ensuresTying && module === TIED);
  if (isShared) {
    refuse(
      path,
      'additions to the matrices of the layers, or `ensure_weight_tying`',
      `some to \`${module}\` of a model whose head is its embedding`,
      'one of the two would change without the other; train the adapter with ensure_weight_tying=True',
    );
  }
  if (shape?.length === 2) return;
  refuse(
    path,
    'additions to matrices of this model',
    `some to \`${clip(module)}\`, which it does not have`,
    'give the base that the adapter was made for',
  );
}

function checkTargeted(module: string, settings: AdapterSettings, path: string): void {
  if (!isTargeted(settings, module, layerOf(module)))
    refuse(
      path,
      'tensors of the modules that `target_modules` and `layers_to_transform` name',
      `some of \`${clip(module)}\``,
      'PEFT would pass over them; use the two files that were saved together',
    );
}

function layerOf(module: string): number | undefined {
  const layer = /^(?:model\.layers|transformer\.h)\.(\d+)\./.exec(module)?.[1];
  return layer === undefined ? undefined : Number(layer);
}

/** A [rank, in] and B [out, rank] of a matrix [out, in], or where it is stored the other way about [in, out]. */
function storedShapes([rows, columns]: readonly number[], rank: number, isTransposed: boolean): { a: number[]; b: number[] } {
  return isTransposed ? { a: [rank, rows!], b: [columns!, rank] } : { a: [rank, columns!], b: [rows!, rank] };
}

function checkShapes(module: string, { a, b }: Pick<Halves, 'a' | 'b'>, expected: { a: number[]; b: number[] }, path: string): void {
  if (`${a.shape}` === `${expected.a}` && `${b.shape}` === `${expected.b}`) return;
  const remedy = 'give the base that the adapter was made for, and the adapter_config.json that was saved with it';
  refuse(path, `A [${expected.a}] and B [${expected.b}] of \`${module}\``, `[${a.shape}] and [${b.shape}]`, remedy);
}

/** A module that the settings name and the file lacks would silently stay as it is. */
function checkComplete(
  settings: AdapterSettings,
  halves: ReadonlyMap<string, Halves>,
  shapes: ReadonlyMap<string, readonly number[]>,
  path: string,
): void {
  if (settings.targetModules === undefined) return;
  const missing = [...shapes].flatMap(([name, shape]) => {
    const module = name.replace(/\.weight$/, '');
    const layer = layerOf(module);
    const isMatrix = shape.length === 2 && name !== module && layer !== undefined;
    return isMatrix && isTargeted(settings, module, layer) && !halves.has(module) ? [module] : [];
  });
  if (missing.length > 0)
    refuse(
      path,
      'A and B of every module that `target_modules` names',
      `none for ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ' and more' : ''}`,
      'save the adapter again with PEFT',
    );
}

function refuse(path: string, expected: string, got: string, remedy: string): never {
  throw new HyperfitError('ERR_MODEL_FILES', `expected ${expected} in the adapter ${path}, got ${got}; ${remedy}`);
}
