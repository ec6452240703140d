import { encodeCompletion } from '../data/completion.ts';
import { encodeDialogue } from '../data/dialogue.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document } from '../data/document.ts';
import { readDocuments } from '../data/documents.ts';
import { encodeWhole, needChatTokenizer, needTokenizer, type SequenceTokenizer } from '../data/encoded-document.ts';
import { HyperfitError } from '../errors.ts';
import { stat } from '../file-system.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { Model } from '../model/model.ts';
import { runFolder } from '../run/run-folder.ts';
import type { BlockerSource } from './blocker-options.ts';

/**
 * The blocker for `--citation-blocker`: a .jsonl file of sequences, or a run, which keeps its training ids.
 * @throws HyperfitError ERR_DATA when neither is there, ERR_CONFIG for folding without a tokenizer
 */
export async function loadCitationBlocker({ path, settings }: BlockerSource, model: Model): Promise<CitationBlocker> {
  const documents = await readDocuments(await sequencesFile(path));
  const tokenizer = documents.every(isIdsDocument) ? undefined : model.requireTokenizer();
  const sequences = await Promise.all(documents.map((document) => encodeTaught(document, tokenizer)));
  return CitationBlocker.create({ sequences, tokenizer: model.tokenizer, vocabSize: model.config.vocabSize, ...settings });
}

/** All that a model is taught of a document, answers too. */
async function encodeTaught(document: Document, tokenizer: SequenceTokenizer | undefined): Promise<Int32Array> {
  if (isCompletionDocument(document)) return (await encodeCompletion(document, needTokenizer(tokenizer, document), 'all')).ids;
  if (isMessagesDocument(document)) return (await encodeDialogue(document, needChatTokenizer(tokenizer, document), 'all')).ids;
  const [ids] = await encodeWhole([document], tokenizer);
  return ids!;
}

/** Works with the blocker, if one is asked for, and lets it go. */
export async function withBlocker<T>(
  source: BlockerSource | undefined,
  model: Model,
  work: (blocker: CitationBlocker | undefined) => Promise<T>,
): Promise<T> {
  const blocker = source && (await loadCitationBlocker(source, model));
  try {
    return await work(blocker);
  } finally {
    blocker?.dispose();
  }
}

async function sequencesFile(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new HyperfitError(
      'ERR_DATA',
      `expected a .jsonl file or the folder of a run for --citation-blocker, got ${path}, which cannot be read; check the path`,
      { cause },
    );
  });
  return info.isDirectory() ? runFolder(path).trainFile : path;
}
