import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadLibtorchModule } from '../libtorch.mjs';
import { SetupError } from '../log.mjs';
import { checkDigest } from './digest.mjs';
import { GENSIM, TEST_DATA } from './gensim.mjs';

const FILE = 'lee_background.cor';
const SHA256 = '5d78d6dafd953bbf65797bef09a9ffb9ec430583381be705f8fd460000f370fb';
const HELD_OUT = 60;

export const NEWS = {
  name: 'news',
  title: `300 items of Australian news, 2001 and 2002, the last ${HELD_OUT} held out`,
  licence: "the rights are the Australian Broadcasting Corporation's: for tests only, do not pass it on",
  source: `Lee background corpus, ${FILE} in the wheel gensim ${GENSIM.version}`,
  size: '0.5 MB',
  remedy: 'then run this again',
  read: readNews,
};

async function readNews({ temporary }) {
  const libtorch = await loadLibtorchModule();
  await libtorch.fetchWheels([{ ...GENSIM, bytes: 28_000_000, keep: [`*/${FILE}`] }], temporary, {
    onProgress: libtorch.installProgress(),
  });
  const bytes = readFileSync(join(temporary, TEST_DATA, FILE));
  checkDigest(bytes, SHA256, FILE);
  return splitNews(bytes.toString('utf8'), HELD_OUT);
}

/** An item a line; the last ones are held out. */
export function splitNews(text, heldOut) {
  const lines = text
    .split('\n')
    .map((line) => line.trim().replace(/ {2,}/g, ' '))
    .filter(Boolean);
  if (lines.length <= heldOut) throw new SetupError(`expected more than ${heldOut} lines of news, got ${lines.length}`);
  const items = lines.map((line, at) => ({ name: `news-${String(at + 1).padStart(3, '0')}`, text: line }));
  return { train: items.slice(0, -heldOut), heldOut: items.slice(-heldOut) };
}
