import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../checkpoint/atomic-folder.ts';
import { HyperfitError } from '../errors.ts';
import { readText } from '../regular-file.ts';
import { parseStudyPage, renderStudyPage } from './page.ts';
import type { Study, StudyKey } from './study.ts';

/** `study.html` has its key in `study.key.json`, beside it. */
export function keyPath(page: string): string {
  return join(dirname(page), `${basename(page).replace(/\.html?$/i, '')}.key.json`);
}

/**
 * Writes the page and the key, each as a whole.
 * @throws HyperfitError ERR_CONFIG when the place cannot be written
 *
 * @example
 * const { study, key } = buildStudy(await readVariants('runs/novel'));
 * const paths = await writeStudy('study.html', study, key);
 * console.log('for readers:', paths.page, 'not for readers:', paths.key); // study.html, study.key.json
 */
export async function writeStudy(page: string, study: Study, key: StudyKey): Promise<{ page: string; key: string }> {
  const paths = { page, key: keyPath(page) };
  try {
    await replaceFile(paths.key, `${JSON.stringify({ ...key, page: basename(page) }, null, 2)}\n`);
    await replaceFile(paths.page, renderStudyPage(study));
  } catch (cause) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a place to write for \`out\`, got ${page}: ${(cause as Error).message}; check the folder and the free space`,
      { cause },
    );
  }
  return paths;
}

/**
 * The study of a page, or of the page that a key names.
 * @throws HyperfitError ERR_DATA for anything else
 *
 * @example
 * const { title, items } = await readStudy('study.html');
 * console.log(title, items.length);
 */
export async function readStudy(path: string): Promise<Study> {
  if (!path.endsWith('.json')) return parseStudyPage(await read(path), path);
  const page = join(dirname(path), basename((await readStudyKey(path)).page));
  return parseStudyPage(await read(page), page);
}

const NAMES = z.tuple([z.string(), z.string()]);
const KEY = z.object({
  schemaVersion: z.literal(1),
  study: z.string(),
  title: z.string(),
  seed: z.number().int(),
  page: z.string(),
  variants: z.array(z.object({ name: z.string(), file: z.string() })),
  pairs: z.array(NAMES),
  items: z.array(z.object({ id: z.string(), context: z.string(), source: z.string().optional(), variants: NAMES })),
  identical: z.number().int(),
});

/**
 * Who wrote what: the key that `writeStudy` put beside the page.
 * @throws HyperfitError ERR_DATA for a file that is not a key, and for one that cannot be read
 *
 * @example
 * const { pairs, variants } = await readStudyKey('study.key.json');
 * console.log(pairs, variants.map(({ name, file }) => `${name} from ${file}`));
 */
export async function readStudyKey(path: string): Promise<StudyKey> {
  const text = await read(path);
  try {
    return KEY.parse(JSON.parse(text));
  } catch (cause) {
    throw new HyperfitError('ERR_DATA', `expected the key that hyperfit compare build wrote, got ${path}; it ends in .key.json`, { cause });
  }
}

async function read(path: string): Promise<string> {
  return readText(path).catch((cause: NodeJS.ErrnoException) => {
    throw new HyperfitError('ERR_DATA', `expected a file of hyperfit compare build, got ${path}: ${cause.message}; check the path`, {
      cause,
    });
  });
}
