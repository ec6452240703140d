import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import type { TensorSource } from '../addon-types.ts';
import { access } from '../file-system.ts';
import { readTextFile } from '../regular-file.ts';
import { isJsonObject, parseJsonObject } from './json.ts';
import { clip, render } from './render.ts';
import { readSafetensorsSources } from './safetensors.ts';

export const SHARD_INDEX = 'model.safetensors.index.json';
const SUFFIX = '.safetensors';
/** What file systems take. */
const MOST_NAME = 255;

/**
 * Tensor name -> file name of a sharded model. A file name must be plain (no folder, drive or `..`, by POSIX and by
 * Windows rules), so that an index cannot point outside its folder.
 * @throws HyperfitError ERR_SAFETENSORS
 */
export function parseShardIndex(text: string, name: string): Map<string, string> {
  const { weight_map: weightMap } = parseJsonObject(text, name, 'ERR_SAFETENSORS');
  if (!isJsonObject(weightMap))
    throw new HyperfitError(
      'ERR_SAFETENSORS',
      `expected an object for \`weight_map\` in ${name}, got ${render(weightMap)}; fetch the file again`,
    );
  const shards = new Map<string, string>();
  for (const [tensor, file] of Object.entries(weightMap)) shards.set(tensor, checkShardName(file, name));
  return shards;
}

function checkShardName(file: unknown, index: string): string {
  if (typeof file !== 'string' || !isPlainName(file))
    throw new HyperfitError(
      'ERR_SAFETENSORS',
      `expected names like model-00001-of-00002.safetensors in \`weight_map\` of ${index}, got ${render(file)}; do not use this folder, its index points elsewhere`,
    );
  return file;
}

function isPlainName(file: string): boolean {
  const isSafetensors = file.endsWith(SUFFIX) && file.length > SUFFIX.length && file.length <= MOST_NAME;
  return isSafetensors && !file.startsWith('..') && ['/', '\\', ':', '\0'].every((letter) => !file.includes(letter));
}

/** Where each tensor of a sharded folder stands. @throws HyperfitError ERR_SAFETENSORS, ERR_MODEL_FILES for missing shards */
export async function readShardedSources(folder: string): Promise<TensorSource[]> {
  const index = join(folder, SHARD_INDEX);
  const shards = parseShardIndex(await readTextFile(index, 'ERR_SAFETENSORS'), index);
  const files = [...new Set(shards.values())].sort();
  await checkShardsExist(folder, files);
  const sources: TensorSource[] = [];
  for (const file of files) {
    for (const source of await readSafetensorsSources(join(folder, file))) {
      if (shards.get(source.name) === file) sources.push(source);
    }
  }
  checkEveryTensorFound(shards, sources, index);
  return sources;
}

async function checkShardsExist(folder: string, files: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const file of files) await access(join(folder, file)).catch(() => missing.push(file));
  if (missing.length > 0)
    throw new HyperfitError(
      'ERR_MODEL_FILES',
      `expected the shards of ${SHARD_INDEX} in ${folder}, got none of: ${missing.slice(0, 10).join(', ')}; fetch them`,
    );
}

function checkEveryTensorFound(shards: ReadonlyMap<string, string>, sources: readonly TensorSource[], index: string): void {
  const found = new Set(sources.map(({ name }) => name));
  const missing = [...shards.keys()].filter((name) => !found.has(name));
  if (missing.length > 0)
    throw new HyperfitError(
      'ERR_SAFETENSORS',
      `expected the tensors of ${index} in their shards, got none for: ${missing
        .slice(0, 10)
        .map((each) => clip(each))
        .join(', ')}; fetch the shards again`,
    );
}
