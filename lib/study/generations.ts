import { basename, dirname, join } from 'node:path';
import { replaceFile } from '../checkpoint/atomic-folder.ts';
import type { Context } from '../data/selection.ts';
import { makeFolder } from '../folders.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Cell } from './cell.ts';
import type { WrittenText } from './cell-results.ts';
import type { Bench, Results } from './study.ts';

/** Every continuation of a study as JSON lines that `hyperfit compare build` reads, a file for each text cell, named after it. */
export async function writeGenerations(
  folder: string,
  cells: readonly Cell[],
  { domains, header }: Bench,
  results: Results,
): Promise<void> {
  for (const cell of cells) {
    if (cell.kind !== 'text' && cell.kind !== 'matched-text' && cell.kind !== 'biased-text') continue;
    const { contexts } = domains.find(({ name }) => name === cell.domain)!;
    const { texts } = results.get(cell.id, cell.kind);
    const lines = await Promise.all(texts.map((text, index) => lineOf(contexts[index]!, text, header.tokenizer)));
    const path = join(folder, `${cell.id.replace(/^text-/, '')}.jsonl`);
    await makeFolder(dirname(path));
    await replaceFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}

async function lineOf({ context, original, source }: Context, written: WrittenText, tokenizer: Tokenizer | undefined): Promise<object> {
  const ids = { context: Array.from(context), continuation: written.ids, original: Array.from(original), source: basename(source) };
  if (tokenizer === undefined) return ids;
  return {
    ...ids,
    contextText: await tokenizer.decode(context),
    text: written.text ?? undefined,
    originalText: tokenizer.decodeContinuation(context, original),
  };
}
