import { join, resolve } from 'node:path';
import { mkdir, readdir, rename, rm, rmdir } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { HyperfitError } from '../errors.ts';
import { COMPANIONS } from './companions.ts';
import { CARD_FILE, isOwnCard } from './model-card.ts';

/** What stands in the folder of a model: files of these names, and of what is saved beside, are replaced, and no others. */
const MODEL_FILES =
  /^(.*\.safetensors(\.index\.json)?|.*\.(jinja|model|tiktoken)|(config|generation_config|preprocessor_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json|merges\.txt|vocab\.txt)$/;
const WEIGHTS = /^model.*\.safetensors$/;

const isModelFile = (name: string): boolean => MODEL_FILES.test(name) || COMPANIONS.includes(name);

/**
 * Lets `write` fill `folder`. One that holds a model already is refused, or with `overwrite` replaced as a whole, once the new one is
 * written beside it; what else stands in a folder is never touched.
 * @throws HyperfitError ERR_CHECKPOINT; what `write` throws, the former model being as it was then
 */
export async function saveFolder(folder: string, options: { overwrite: boolean }, write: (folder: string) => Promise<void>): Promise<void> {
  const place = resolve(folder);
  const turn = (turns.get(place) ?? Promise.resolve()).then(() => fill(folder, options, write));
  const settled = turn.catch(() => {});
  turns.set(place, settled);
  await turn.finally(() => {
    if (turns.get(place) === settled) turns.delete(place);
  });
}

/** Saves into one folder come one after the other. */
const turns = new Map<string, Promise<void>>();

async function fill(folder: string, { overwrite }: { overwrite: boolean }, write: (folder: string) => Promise<void>): Promise<void> {
  const names = await listFolder(folder);
  const old = names.filter((name) => MODEL_FILES.test(name));
  if (old.length === 0) {
    return writeNew(folder, write);
  }
  if (!overwrite)
    throw refuse(folder, `a model in it (${shorten(old)}); save to another folder, or pass \`overwrite: true\` to replace it`);
  const isOwn = names.includes(CARD_FILE) && (await isOwnCard(join(folder, CARD_FILE)));
  const others = names.filter((name) => !isModelFile(name) && !(name === CARD_FILE && isOwn));
  if (others.length > 0)
    throw refuse(
      folder,
      `more than a model in it (${shorten(others)}), which replacing would take away; save to another folder, or move that elsewhere`,
    );
  if (!old.includes('config.json') || !old.some((name) => WEIGHTS.test(name)))
    throw refuse(folder, `files in it that are no whole model (${shorten(old)}); save to another folder`);
  await replaceFolder(resolve(folder), write);
}

/** A folder made for a model that then is not written goes again, if nothing stands in it. */
async function writeNew(folder: string, write: (folder: string) => Promise<void>): Promise<void> {
  const made = await makeFolder(folder).catch((cause: Error) => {
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
    await exchange(fresh, folder, old);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/**
 * Another process that saves here at the same time may come between the two steps; then the model that it has put there is the one to
 * replace.
 */
const MOST_EXCHANGES = 10;
const TAKEN = ['ENOTEMPTY', 'EEXIST'];

async function exchange(fresh: string, folder: string, old: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    const hadOlder = await rename(folder, old).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return false;
      },
    );
    const problem = await rename(fresh, folder).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    if (problem === undefined) return;
    if (tries < MOST_EXCHANGES && TAKEN.includes(problem.code ?? '')) {
      await rm(old, { recursive: true, force: true });
      continue;
    }
    if (hadOlder) await rename(old, folder);
    throw problem;
  }
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
