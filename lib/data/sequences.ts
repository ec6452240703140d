import { HyperfitError } from '../errors.ts';
import { encodeCompletion } from './completion.ts';
import { encodeDialogue, type TrainOn } from './dialogue.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document, type IdsDocument } from './document.ts';
import { readDocuments } from './documents.ts';
import { encodeDocument, needChatTokenizer, needTokenizer, type EncodedDocument, type SequenceTokenizer } from './encoded-document.ts';

/** Tokens that train, or are measured, together. */
export interface Sequence {
  ids: Int32Array;
  /** [ids.length]: the token to predict at each position, IGNORE_INDEX where none is learnt; without it, every next token is. */
  targets?: Int32Array;
  /** The file, or file:line, that it was cut from. */
  source: string;
  /** Position of the first token in its document, counted in tokens without the start token. */
  offset: number;
}

export interface SequenceOptions {
  /** Tokens per sequence, the start token included where the tokenizer adds one. Only text is cut; {"ids"} and {"messages"} lines stay whole. */
  sequenceLength: number;
  /**
   * `paragraph` (default): a window starts where a paragraph does, or where the last one ended inside a paragraph that still holds
   * a whole window; it may run on into the next paragraphs. `consecutive`: each window starts where the last one ended.
   */
  windows?: 'paragraph' | 'consecutive';
  /** Keep a document too short for one window as a short sequence instead of leaving it out. */
  keepShort?: boolean;
  /** Of {"messages"} lines: what the assistant says (default), or all. */
  trainOn?: TrainOn;
  /** When given, ids at or above it are refused. */
  vocabSize?: number;
}

/** Reads a data path (see `readDocuments`) and cuts it into sequences (see `cutSequences`). */
export async function loadSequences(path: string, tokenizer: SequenceTokenizer | undefined, options: SequenceOptions): Promise<Sequence[]> {
  return cutSequences(await readDocuments(path), tokenizer, options);
}

/**
 * Cuts documents into windows of `sequenceLength` tokens that never overlap and never cross from one document into another; every
 * {"ids"} document is one sequence as it stands, and so is every dialogue, rendered by the chat template. Throws ERR_DATA when no document holds a whole window, when an {"ids"} document has fewer
 * than two tokens (nothing to predict), or an id outside the vocabulary; ERR_TOKENIZER for text without a tokenizer.
 */
export async function cutSequences(documents: readonly Document[], tokenizer: SequenceTokenizer | undefined, options: SequenceOptions): Promise<Sequence[]> {
  checkLength(options.sequenceLength);
  const sequences: Sequence[] = [];
  let longest = 0;
  for (const document of documents) {
    if (isIdsDocument(document)) {
      sequences.push(wholeSequence(document));
      continue;
    }
    if (isMessagesDocument(document)) {
      const dialogue = await encodeDialogue(document, needChatTokenizer(tokenizer, document), options.trainOn ?? 'assistant');
      sequences.push({ ...dialogue, source: document.source, offset: 0 });
      continue;
    }
    if (isCompletionDocument(document)) {
      const completion = await encodeCompletion(document, needTokenizer(tokenizer, document), options.trainOn ?? 'assistant');
      sequences.push({ ...completion, source: document.source, offset: 0 });
      continue;
    }
    const encoded = await encodeDocument(document, tokenizer);
    longest = Math.max(longest, encoded.ids.length);
    for (const sequence of cutDocument(encoded, options)) sequences.push(sequence);
  }
  if (sequences.length === 0) throw tooShort(longest, documents.length, options.sequenceLength);
  if (options.vocabSize !== undefined) checkIds(sequences, options.vocabSize);
  return sequences;
}

function checkLength(sequenceLength: number): void {
  if (Number.isInteger(sequenceLength) && sequenceLength >= 2) return;
  throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 2 for \`sequenceLength\`, got ${sequenceLength}; the paper's is 256`);
}

function tooShort(longest: number, documents: number, sequenceLength: number): HyperfitError {
  return new HyperfitError(
    'ERR_DATA',
    `expected a document of at least ${sequenceLength} tokens for \`data\`, got ${documents} of at most ${longest}; lower \`sequenceLength\` or give longer documents (windows never cross from one into another)`,
  );
}

function wholeSequence(document: IdsDocument): Sequence {
  if (document.ids.length < 2) {
    throw new HyperfitError('ERR_DATA', `expected two ids or more for \`ids\`, got ${document.ids.length} at ${document.source}; one token has nothing to predict`);
  }
  return { ...document, offset: 0 };
}

function cutDocument(document: EncodedDocument, options: SequenceOptions): Sequence[] {
  const bodyLength = options.sequenceLength - (document.startToken === undefined ? 0 : 1);
  const starts = windowStarts(document, bodyLength, options.windows ?? 'paragraph');
  if (starts.length > 0) return starts.map((start) => makeSequence(document, start, bodyLength));
  return options.keepShort === true && document.ids.length >= 2 ? [makeSequence(document, 0, document.ids.length)] : [];
}

function windowStarts(document: EncodedDocument, length: number, windows: 'paragraph' | 'consecutive'): number[] {
  const starts: number[] = [];
  let at = 0;
  while (at + length <= document.ids.length) {
    starts.push(at);
    at += length;
    if (windows === 'consecutive') continue;
    const next = document.paragraphStarts.find((start) => start >= at) ?? document.ids.length;
    if (next - at < length) at = next;
  }
  return starts;
}

function makeSequence(document: EncodedDocument, offset: number, length: number): Sequence {
  const body = document.ids.slice(offset, offset + length);
  if (document.startToken === undefined) return { ids: body, source: document.source, offset };
  const ids = new Int32Array(length + 1);
  ids[0] = document.startToken;
  ids.set(body, 1);
  return { ids, source: document.source, offset };
}

function checkIds(sequences: readonly Sequence[], vocabSize: number): void {
  for (const { ids, source } of sequences) {
    const bad = ids.findIndex((id) => id >= vocabSize || id < 0);
    if (bad === -1) continue;
    throw new HyperfitError('ERR_DATA', `expected ids below the vocabulary size ${vocabSize} for \`ids\`, got ${ids[bad]} at ${source}; use this model's tokenizer`);
  }
}
