import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { BLOCKER_FIELDS, flagOf, pickBlockerSettings, type BlockerSettings } from '../config/fields.ts';
import { normalizeConfig } from '../config/normalize.ts';
import { encodeCompletion } from '../data/completion.ts';
import { encodeDialogue } from '../data/dialogue.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document } from '../data/document.ts';
import { readDocuments } from '../data/documents.ts';
import { encodeWhole, needChatTokenizer, needTokenizer, type SequenceTokenizer } from '../data/encoded-document.ts';
import { HyperfitError } from '../errors.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { Model } from '../model/model.ts';
import { runFolder } from '../run/run-folder.ts';
import { addFieldOptions, fieldValues } from './options.ts';

/** `--citation-blocker` and what adjusts it. */
export function addBlockerOptions(command: Command): Command {
  return addFieldOptions(command.option('--citation-blocker <path>', 'forbid citing these training sequences: a .jsonl file or the folder of a run'), BLOCKER_FIELDS);
}

/** What to block, and by which rule. */
export interface BlockerSource {
  path: string;
  settings: BlockerSettings;
}

/**
 * Undefined without `--citation-blocker`.
 * @throws HyperfitError ERR_CONFIG for settings that no blocker takes, and for such without a blocker
 */
export function blockerSource(options: Readonly<Record<string, unknown>>): BlockerSource | undefined {
  const values = fieldValues(options, BLOCKER_FIELDS);
  const path = options['citationBlocker'] as string | undefined;
  const [first] = Object.keys(values);
  if (path === undefined && first !== undefined) throw new HyperfitError('ERR_CONFIG', `expected --citation-blocker beside ${flagOf(first)}, got none: there is nothing to adjust`);
  return path === undefined ? undefined : { path, settings: blockerSettings(options) };
}

/** The rule that the flags give, whether or not there is something to block yet. Throws ERR_CONFIG. */
export function blockerSettings(options: Readonly<Record<string, unknown>>): BlockerSettings {
  return pickBlockerSettings(normalizeConfig([{ name: 'flags', values: fieldValues(options, BLOCKER_FIELDS) }]).config);
}

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
export async function withBlocker<T>(source: BlockerSource | undefined, model: Model, work: (blocker: CitationBlocker | undefined) => Promise<T>): Promise<T> {
  const blocker = source && (await loadCitationBlocker(source, model));
  try {
    return await work(blocker);
  } finally {
    blocker?.dispose();
  }
}

async function sequencesFile(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new HyperfitError('ERR_DATA', `expected a .jsonl file or the folder of a run for --citation-blocker, got ${path}, which cannot be read; check the path`, { cause });
  });
  return info.isDirectory() ? runFolder(path).trainFile : path;
}
