import { join } from 'node:path';
import type { ModelConfig, ModelHandle } from '../addon-types.ts';
import type { QuantizeType } from '../config/quantize-types.ts';
import { HyperfitError } from '../errors.ts';
import { readdir, writeFile } from '../file-system.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { hubName, shortModelName } from './base-name.ts';
import { renderConfigJson, renderJson } from './config-render.ts';
import { GENERATION_FILE } from './generation-config.ts';
import { readLicense } from './license.ts';
import { CARD_FILE, renderModelCard, type ModelCard } from './model-card.ts';
import { PREPROCESSOR_FILE, type ModelFiles } from './model-files.ts';
import { saveFolder } from './save-folder.ts';
import { SAVE_DTYPES, type SaveDType } from './save-dtypes.ts';
import { saveWeights, type Rounding, type SavedWeights } from './save-weights.ts';
import { parseShardSize } from './shard-plan.ts';

/** Of `model.save`. */
export interface SaveOptions {
  /** Replaces a model that is there, as a whole and only once this one is written; other files are never taken away. Default false. */
  overwrite?: boolean;
  /** What the weights are stored as: `float32` (default, nothing is lost), `bfloat16` or `float16`. */
  dtype?: SaveDType;
  /** Bytes of weights a file may hold, or a size such as 5GB; more are parted into shards with an index. Default: one file. */
  maxShardSize?: number | string | undefined;
  /** What README.md says beyond what the model itself tells: recipe, data, certificate. */
  card?: Partial<ModelCard> | undefined;
}

/** What was written. */
export interface SavedModel {
  /** Of the weights. */
  files: string[];
  /** Size of it all. */
  bytes: number;
  /** Of the weights. */
  dtype: SaveDType;
  /** What rounding changed; null for float32. */
  rounding: Rounding | null;
}

/** What is saved. */
interface Saved {
  readonly files: ModelFiles;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer | undefined;
  /** The type that the weights are trained for. */
  readonly quantization: QuantizeType | null;
  /** What else of the original's folder transformers reads, by name. */
  readonly companions: ReadonlyMap<string, Buffer>;
  readonly handle: ModelHandle;
}

/** Writes `model.save`'s folder; see there. */
export async function saveModel(
  model: Saved,
  folder: string,
  { overwrite = false, dtype = 'float32', maxShardSize, card }: SaveOptions,
): Promise<SavedModel> {
  if (!SAVE_DTYPES.includes(dtype))
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected one of ${SAVE_DTYPES.join(', ')} for \`dtype\`, got ${JSON.stringify(dtype)}; quantised types are of GGUF: model.exportGguf`,
    );
  const maxShardBytes = maxShardSize === undefined ? undefined : parseShardSize(maxShardSize);
  const license = await readLicense(model.files);
  let saved: SavedWeights | undefined;
  await saveFolder(folder, { overwrite }, async (target) => {
    saved = await saveWeights(target, model, { dtype, maxShardBytes });
    await writeBeside(model, target, dtype);
    await writeCard(target, renderModelCard({ ...basicCard(model, dtype, license), ...card }));
  });
  return { ...saved!, dtype };
}

async function writeBeside({ files, tokenizer, companions, quantization }: Saved, folder: string, dtype: SaveDType): Promise<void> {
  const { generationConfig, preprocessor } = files;
  await writeFile(join(folder, 'config.json'), renderConfigJson(files, dtype, quantization));
  if (generationConfig !== undefined) await writeFile(join(folder, GENERATION_FILE), renderJson(generationConfig));
  await tokenizer?.save(folder);
  if (preprocessor !== undefined) await writeFile(join(folder, PREPROCESSOR_FILE), `${JSON.stringify(preprocessor)}\n`);
  const written = new Set(await readdir(folder));
  for (const [name, bytes] of companions) if (!written.has(name)) await writeFile(join(folder, name), bytes);
}

function basicCard({ files, config }: Saved, dtype: SaveDType, license: string | undefined): ModelCard {
  const baseName = shortModelName(files.path);
  return {
    title: baseName,
    baseModel: hubName(files.path),
    baseName,
    license,
    library: 'transformers',
    pipeline: config.modelType === 'imagegpt' ? 'unconditional-image-generation' : 'text-generation',
    dtype,
  };
}

/** A card that somebody wrote stays. */
async function writeCard(folder: string, card: string): Promise<void> {
  await writeFile(join(folder, CARD_FILE), card, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
