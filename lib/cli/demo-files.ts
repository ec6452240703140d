import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMobyDick } from '../data/moby-dick.ts';
import type { TextDocument } from '../data/document.ts';
import { HyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { formatSize } from '../hub/bytes.ts';
import { cacheFolder } from '../libtorch/cache-folder.ts';
import { packageRoot } from '../libtorch/package-root.ts';
import { installProgress } from '../libtorch/progress.ts';
import { BOOK, bookFolder, fetchBook, hasBook } from '../samples/book.ts';
import { downloadSize, fetchSample, hasSample, samplePath, SMOLLM2 } from '../samples/sample-model.ts';
import { confirm } from './ask.ts';

export interface DemoFetching {
  yes: boolean;
  quiet: boolean;
}

/**
 * Model and text of the demo, as far as they are not given: what is not in the cache of this user is fetched, once he has been told how
 * large it is and has agreed.
 * @throws HyperfitError ERR_CONFIG where nobody can be asked and `yes` is not given; ERR_FETCH
 */
export async function prepareDemo(
  needs: { model: boolean; text: boolean },
  { yes, quiet }: DemoFetching,
): Promise<{ model?: string; data?: string; heldOut?: string }> {
  const named = process.env['HYPERFIT_SMOLLM2_GGUF'] || undefined;
  const lacksModel = needs.model && named === undefined && !hasSample(SMOLLM2);
  const lacksBook = needs.text && installedBook() === undefined && !hasBook();
  await agree([...(lacksModel ? [{ title: SMOLLM2.title, bytes: downloadSize(SMOLLM2) }] : []), ...(lacksBook ? [BOOK] : [])], yes);
  if (lacksModel) await fetchSample(SMOLLM2, quiet ? () => undefined : installProgress(process.stderr));
  if (lacksBook) await fetchBook();
  return { ...(needs.model ? { model: named ?? samplePath(SMOLLM2) } : {}), ...(needs.text ? await writeText() : {}) };
}

async function agree(missing: readonly { title: string; bytes: number }[], yes: boolean): Promise<void> {
  if (missing.length === 0) return;
  const what = missing.map(({ title, bytes }) => `${title}, ${formatSize(bytes)} to download`).join(', and ');
  const question = `The demo takes ${what}, into ${cacheFolder()}. Fetch it?`;
  const isAllowed = await confirm(question, { yes, what: `the demo would fetch ${what}` });
  if (!isAllowed)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected leave to fetch ${what}, got none; give --model and --data of your own, as --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel.txt`,
    );
}

/** Of a checkout, or of whoever has the package for himself. */
function installedBook(): string | undefined {
  return [packageRoot(), process.cwd()]
    .map((folder) => join(folder, 'node_modules', ...BOOK.name.split('/')))
    .find((folder) => existsSync(folder));
}

/** As two folders of chapters, the first ones to train on and the last ones held out, so that a run names files that stay. */
async function writeText(): Promise<{ data: string; heldOut: string }> {
  const { train, heldOut } = await readMobyDick(installedBook() ?? bookFolder());
  const folder = join(cacheFolder(), 'text', 'moby-dick');
  return { data: await writeChapters(join(folder, 'train'), train), heldOut: await writeChapters(join(folder, 'held-out'), heldOut) };
}

/** Names sort like the chapters. */
async function writeChapters(folder: string, chapters: readonly TextDocument[]): Promise<string> {
  await makeFolder(folder);
  for (const { source, text } of chapters) {
    const number = /\d+$/.exec(source)?.[0] ?? '0';
    writeFileSync(join(folder, `chapter-${number.padStart(3, '0')}.txt`), text);
  }
  return folder;
}
