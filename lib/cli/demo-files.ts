import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMobyDick } from '../data/moby-dick.ts';
import type { TextDocument } from '../data/document.ts';
import { HyperfitError } from '../errors.ts';
import { cacheFolder } from '../libtorch/cache-folder.ts';
import { packageRoot } from '../libtorch/package-root.ts';

const MODEL_FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';

/**
 * The model of the demo: `HYPERFIT_SMOLLM2_GGUF`, or where `npm run demo` puts it.
 * @throws HyperfitError ERR_MODEL_FILES when it is not there
 */
export function findDemoModel(): string {
  const path = process.env['HYPERFIT_SMOLLM2_GGUF'] ?? join(cacheFolder(), 'models', MODEL_FILE);
  if (existsSync(path)) return path;
  throw new HyperfitError('ERR_MODEL_FILES', `expected SmolLM2-135M-Instruct at ${path}, got nothing; run \`npm run demo\` in a checkout, which fetches it (92 MB), or give --model`);
}

const TEXT_PACKAGE = join('node_modules', '@stdlib', 'datasets-moby-dick');

/**
 * Moby Dick as two folders of chapters, the first ones to train on and the last ones held out, written into the cache so that a run
 * names files that stay.
 * @throws HyperfitError ERR_DATA when the book is not installed
 */
export async function prepareDemoText(): Promise<{ data: string; heldOut: string }> {
  const packages = [packageRoot(), process.cwd()].map((folder) => join(folder, TEXT_PACKAGE));
  const { train, heldOut } = await readMobyDick(packages.find((folder) => existsSync(folder)) ?? packages[0]!);
  const folder = join(cacheFolder(), 'text', 'moby-dick');
  return { data: writeChapters(join(folder, 'train'), train), heldOut: writeChapters(join(folder, 'held-out'), heldOut) };
}

/** Names sort like the chapters. */
function writeChapters(folder: string, chapters: readonly TextDocument[]): string {
  mkdirSync(folder, { recursive: true });
  for (const { source, text } of chapters) {
    const number = /\d+$/.exec(source)?.[0] ?? '0';
    writeFileSync(join(folder, `chapter-${number.padStart(3, '0')}.txt`), text);
  }
  return folder;
}
