import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadLibtorchModule } from '../libtorch.mjs';
import { root, SetupError } from '../log.mjs';
import { checkDigest } from './digest.mjs';
import { GENSIM, TEST_DATA } from './gensim.mjs';

const DUMP = 'enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2';
const SHA256 = 'a53f4648dec40467ebdcbc7a1307eddb51fe6e28e9309f6ebde81ba0d04bea2d';
const PINS = [
  { ...GENSIM, bytes: 28_000_000, keep: [`*/${DUMP}`] },
  // Without its compiled parser, which is bound to one Python: the other one reads this dump in seconds.
  { name: 'mwparserfromhell', version: '0.7.2', bytes: 252_000, keep: ['mwparserfromhell/*.py'] },
];
const SCRIPT = join(root, 'scripts', 'steps', 'texts', 'wikipedia.py');
const STUB_WORDS = 200;
const HELD_OUT_EVERY = 5;

export const WIKIPEDIA = {
  name: 'wikipedia',
  title: 'English Wikipedia of 2016, articles from A to Azerbaijan, every fifth held out',
  licence: 'CC BY-SA 3.0, by the authors of the articles that the files are named after',
  source: `${DUMP} in the wheel gensim ${GENSIM.version}, markup taken away with mwparserfromhell 0.7.2 (MIT)`,
  size: '2.5 MB',
  remedy: 'then run this again',
  read: readWikipedia,
};

async function readWikipedia({ temporary }) {
  const libtorch = await loadLibtorchModule();
  await libtorch.fetchWheels(PINS, temporary, { onProgress: libtorch.installProgress() });
  const dump = join(temporary, TEST_DATA, DUMP);
  checkDigest(readFileSync(dump), SHA256, DUMP);
  return splitArticles(plainArticles(dump, temporary));
}

/** The articles of a dump as `{title, text}`; `parser` is the folder that holds mwparserfromhell. */
function plainArticles(dump, parser) {
  const python = process.env.HYPERFIT_PYTHON || 'python3';
  const { status, stdout, stderr, error } = spawnSync(python, [SCRIPT, dump, parser], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0)
    throw new SetupError(
      `expected ${python} to read ${DUMP}, got ${error?.message ?? stderr.trim().split('\n').at(-1)}; set HYPERFIT_PYTHON to a Python 3.9 or newer`,
    );
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Without stubs, lists and pages that only tell namesakes apart; every fifth of the rest is held out. */
export function splitArticles(articles) {
  const documents = articles.filter(isProse).map(({ title, text }) => ({ name: fileName(title), text: `${title}\n\n${text}` }));
  return {
    train: documents.filter((_, at) => at % HELD_OUT_EVERY !== HELD_OUT_EVERY - 1),
    heldOut: documents.filter((_, at) => at % HELD_OUT_EVERY === HELD_OUT_EVERY - 1),
  };
}

function isProse({ title, text }) {
  const [first = ''] = text.split('\n', 1);
  return (
    text.split(/\s+/).length >= STUB_WORDS &&
    !/^Lists? of |\(disambiguation\)$/.test(title) &&
    !/(may|can|might)( also)? (refer to|mean)\b.*:?$|^(.{0,40})(refers|refer) to:?$/.test(first)
  );
}

function fileName(title) {
  return title
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
}
