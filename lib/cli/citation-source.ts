import { stat } from 'node:fs/promises';
import { isIdsDocument } from '../data/document.ts';
import { readDocuments } from '../data/documents.ts';
import { encodeWhole } from '../data/encoded-document.ts';
import { HyperfitError } from '../errors.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { Model } from '../model/model.ts';
import { runFolder } from '../run/run-folder.ts';

/**
 * The blocker for `--citation-blocker`: a .jsonl file of sequences, or a run, which keeps its training ids.
 * @throws HyperfitError ERR_DATA when neither is there
 */
export async function loadCitationBlocker(path: string, model: Model, matchLength: number): Promise<CitationBlocker> {
  const documents = await readDocuments(await sequencesFile(path));
  const tokenizer = documents.every(isIdsDocument) ? undefined : model.requireTokenizer();
  const sequences = await encodeWhole(documents, tokenizer);
  return CitationBlocker.create({ sequences, tokenizer: model.tokenizer, vocabSize: model.config.vocabSize, matchLength });
}

async function sequencesFile(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new HyperfitError('ERR_DATA', `expected a .jsonl file or the folder of a run for --citation-blocker, got ${path}, which cannot be read; check the path`, { cause });
  });
  return info.isDirectory() ? runFolder(path).trainFile : path;
}
