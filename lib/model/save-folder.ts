import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { COMPANIONS } from './companions.ts';

/** What stands in the folder of a model: files of these names, and of what is saved beside, are replaced, and no others. */
const MODEL_FILES = /^(.*\.safetensors(\.index\.json)?|.*\.(jinja|model|tiktoken)|(config|generation_config|preprocessor_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json|merges\.txt|vocab\.txt)$/;
const WEIGHTS = /^model.*\.safetensors$/;

const isModelFile = (name: string): boolean => MODEL_FILES.test(name) || COMPANIONS.includes(name);

/**
 * Lets `write` fill `folder`. One that holds a model already is refused, or with `overwrite` replaced as a whole, once the new one is written beside it;
 * what else stands in a folder is never touched.
 * @throws HyperfitError ERR_CHECKPOINT; what `write` throws, the former model being as it was then
 */
export async function saveFolder(folder: string, { overwrite }: { overwrite: boolean }, write: (folder: string) => Promise<void>): Promise<void> {
  const names = await listFolder(folder);
  const old = names.filter((name) => MODEL_FILES.test(name));
  if (old.length === 0) {
    return writeNew(folder, write);
  }
  if (!overwrite) throw refuse(folder, `a model in it (${shorten(old)}); save to another folder, or pass \`overwrite: true\` to replace it`);
  const others = names.filter((name) => !isModelFile(name));
  if (others.length > 0) throw refuse(folder, `more than a model in it (${shorten(others)}), which replacing would take away; save to another folder, or move that elsewhere`);
  if (!old.includes('config.json') || !old.some((name) => WEIGHTS.test(name))) throw refuse(folder, `files in it that are no whole model (${shorten(old)}); save to another folder`);
  await replaceFolder(resolve(folder), write);
}

/** A folder made for a model that then is not written goes again, if nothing stands in it. */
async function writeNew(folder: string, write: (folder: string) => Promise<void>): Promise<void> {
  const made = await mkdir(folder, { recursive: true }).catch((cause: Error) => {
    throw refuse(folder === '' ? 'an empty path' : folder, `${cause.message}; save to another folder`, cause);
  });
  try {
    await write(folder);
  } catch (error) {
    if (made !== undefined) await rmdir(folder).catch(() => {});
    throw error;
  }
}

async function replaceFolder(folder: string, write: (folder: string) => Promise<void>): Promise<void> {
  const [fresh, old] = [`${folder}.${process.pid}.partial`, `${folder}.${process.pid}.replaced`];
  try {
    await mkdir(fresh);
    await write(fresh);
    await rename(folder, old);
    await rename(fresh, folder).catch(async (error: unknown) => {
      await rename(old, folder);
      throw error;
    });
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

async function listFolder(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw refuse(folder, `${cause.message}; save to another folder`, cause);
  });
}

function refuse(folder: string, got: string, cause?: unknown): HyperfitError {
  return new HyperfitError('ERR_CHECKPOINT', `expected a folder to save a model in, got ${folder} with ${got}`, { cause });
}

function shorten(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
