import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadLibtorchModule } from './libtorch.mjs';
import { say, SetupError } from './log.mjs';
import { AUSTEN } from './texts/austen.mjs';
import { MOBY_DICK } from './texts/moby-dick.mjs';
import { NEWS } from './texts/news.mjs';
import { WIKIPEDIA } from './texts/wikipedia.mjs';

export const CORPORA = [MOBY_DICK, AUSTEN, WIKIPEDIA, NEWS];

/** Texts to hyperfit on and to hold out, as `text/<name>/{train,held-out}/*.txt` in the cache. Gives their folders. */
export async function ensureTexts() {
  const libtorch = await loadLibtorchModule();
  const parent = join(libtorch.cacheFolder(), 'text');
  mkdirSync(parent, { recursive: true });
  const missing = [];
  for (const corpus of CORPORA) {
    const reason = await ensureCorpus(corpus, parent);
    if (reason !== undefined) missing.push(`${corpus.name}: ${reason}; ${corpus.remedy}`);
  }
  if (missing.length > 0)
    throw new SetupError(
      `expected all of ${CORPORA.map(({ name }) => name).join(', ')} in ${parent}, got none of these:\n  ${missing.join('\n  ')}`,
    );
  return CORPORA.map(({ name }) => join(parent, name));
}

/** Gives why the corpus could not be had: the others may be there all the same. */
async function ensureCorpus(corpus, parent) {
  const target = join(parent, corpus.name);
  try {
    if (!isComplete(target)) await writeCorpus(corpus, parent, target);
    say(`texts: ${target} (${corpus.title}; ${corpus.licence})`);
    return undefined;
  } catch (error) {
    if (!(error instanceof SetupError) && typeof error?.code !== 'string') throw error;
    return error.message;
  }
}

function isComplete(folder) {
  return existsSync(join(folder, 'train')) && existsSync(join(folder, 'held-out'));
}

/** Whole or not at all: written beside its place, then renamed. */
export async function writeCorpus(corpus, parent, target) {
  say(`texts ${corpus.name}: fetching ${corpus.source} (${corpus.size} to download)`);
  const temporary = mkdtempSync(join(parent, '.partial-'));
  try {
    const { train, heldOut } = await corpus.read({ temporary });
    const folder = join(temporary, 'corpus');
    writeDocuments(join(folder, 'train'), train);
    writeDocuments(join(folder, 'held-out'), heldOut);
    writeFileSync(join(folder, 'SOURCE.txt'), `${corpus.title}\nFrom: ${corpus.source}\nLicence: ${corpus.licence}\n`);
    say(`texts ${corpus.name}: ${describe(train)} to train on, ${describe(heldOut)} held out`);
    rmSync(target, { recursive: true, force: true });
    renameSync(folder, target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function writeDocuments(folder, documents) {
  const names = new Set(documents.map(({ name }) => name));
  if (documents.length === 0 || names.size < documents.length)
    throw new SetupError(`expected documents of different names for ${folder}, got ${documents.length} of ${names.size} names`);
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of documents) writeFileSync(join(folder, `${name}.txt`), `${text.trimEnd()}\n`);
}

function describe(documents) {
  const words = documents.reduce((sum, { text }) => sum + text.split(/\s+/).filter(Boolean).length, 0);
  return `${documents.length} files (${words.toLocaleString('en')} words)`;
}
