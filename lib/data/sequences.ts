import { HyperfitError } from '../errors.ts';
import { hasAnswer, refuse } from './answers.ts';
import { encodeCompletion } from './completion.ts';
import { DataNotes, type DataNote } from './data-notes.ts';
import { encodeDialogue, type TrainOn } from './dialogue.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document, type IdsDocument, type TextDocument } from './document.ts';
import { streamDocuments } from './documents.ts';
import {
  encodeDocument,
  needChatTokenizer,
  needTokenizer,
  type EncodedDocument,
  type SequenceTokenizer,
  type TextOptions,
} from './encoded-document.ts';
import { PackedIds } from './packed-ids.ts';
import { placeWindows, takeWindow, type Windows } from './windows.ts';
import { findWrapWidth } from './wrapping.ts';

/** Tokens that train, or are measured, together. */
export interface Sequence {
  /** Token ids. */
  ids: Int32Array;
  /** As long as `ids`: the token to predict at each position, IGNORE_INDEX where none is learnt; without it, every next token is. */
  targets?: Int32Array;
  /** Of a dialogue that is learnt as a whole: the targets of its answers alone. */
  answers?: Int32Array;
  /** The file, or file:line, that it was cut from. */
  source: string;
  /** Position of the first token in its document, counted in tokens without the start token. */
  offset: number;
  /** How many of the first ids are start tokens that the document itself does not have. Default 0. */
  startLength?: number;
}

/** How documents are cut. */
export interface SequenceOptions extends TextOptions {
  /**
   * Tokens per sequence at most, the start token included where the tokenizer adds one. Only text is cut; {"ids"}, {"messages"} and
   * completions stay whole.
   */
  sequenceLength: number;
  /**
   * See `Windows`. `auto` (default): `paragraph` where that gives `wanted` sequences, `consecutive` where it does not, so that little is
   * lost.
   */
  windows?: Windows | 'auto';
  /** How many sequences there is use for. Default: as many as there are. */
  wanted?: number;
  /** Leave texts, and rests of texts, out that are shorter than a window. */
  wholeOnly?: boolean;
  /** Of {"messages"} lines and completions: what the assistant says (default), or all. */
  trainOn?: TrainOn;
  /** When given, ids at or above it are refused. */
  vocabSize?: number;
}

/** The sequences of some data, and what became of the rest. */
export interface CutData {
  /** What can be trained on. */
  sequences: Sequence[];
  /** How many documents there were. */
  documents: number;
  /** Of the documents, in tokens: end tokens count, start tokens that were added do not. */
  tokens: number;
  /** Where sequences start. */
  windows: Windows;
  /** What was left out or looks amiss. */
  notes: DataNote[];
  /** What a person should look at before time is spent. */
  warnings: string[];
}

/**
 * Reads a data path (see `readDocuments`) and cuts it into sequences of at most `sequenceLength` tokens (see `cutSequences`).
 * @param path - a file or folder, or a data set of the hub as `hf:datasets/org/name`
 * @param tokenizer - of the model that is to read them; undefined where the data are ids
 * @throws HyperfitError ERR_DATA for data that cannot be read or hold nothing to learn, ERR_TOKENIZER for text without a tokenizer,
 *   ERR_FETCH for a data set that cannot be fetched, ERR_CONFIG for a `sequenceLength` below 2
 *
 * @example
 * const passages = await loadSequences('novel.txt', model.tokenizer, { sequenceLength: 128 });
 * console.log(passages.length, passages[0]?.ids.length, passages[0]?.source);
 */
export async function loadSequences(path: string, tokenizer: SequenceTokenizer | undefined, options: SequenceOptions): Promise<Sequence[]> {
  return (await loadData(path, tokenizer, options)).sequences;
}

/**
 * As `loadSequences`, with what became of the rest.
 * @throws HyperfitError as `loadSequences`
 *
 * @example
 * const { sequences: passages, windows, notes, warnings } = await loadData('novel.txt', tokenizer, { sequenceLength: 128 });
 * console.log(passages.length, windows, notes.map(({ what, count }) => `${count} ${what}`), warnings);
 */
export async function loadData(path: string, tokenizer: SequenceTokenizer | undefined, options: SequenceOptions): Promise<CutData> {
  const notes = new DataNotes();
  return cutDocuments(streamDocuments(path, notes), tokenizer, options, notes);
}

/**
 * Cuts documents into windows of `sequenceLength` tokens that never overlap and never cross from one document into another; a text shorter
 * than that is one short sequence. Every {"ids"} document is one sequence as it stands, and so is every dialogue, rendered by the chat
 * template, and every prompt with its completion.
 * @throws HyperfitError ERR_DATA when there is no sequence, when an {"ids"} document has fewer than two tokens (nothing to predict), or an
 *   id outside the vocabulary; ERR_TOKENIZER for text without a tokenizer; ERR_CONFIG for a `sequenceLength` below 2
 *
 * @example
 * const passages = await cutSequences([{ text: 'Call me Ishmael.', source: 'first line' }], model.tokenizer, { sequenceLength: 128 });
 */
export async function cutSequences(
  documents: Iterable<Document> | AsyncIterable<Document>,
  tokenizer: SequenceTokenizer | undefined,
  options: SequenceOptions,
): Promise<Sequence[]> {
  return (await cutDocuments(documents, tokenizer, options)).sequences;
}

/**
 * As `cutSequences`, with what became of the rest; adds to `notes`.
 * @throws HyperfitError as `cutSequences`
 *
 * @example
 * const documents = await readDocuments('novel.txt');
 * const { sequences: passages, tokens, notes } = await cutDocuments(documents, tokenizer, { sequenceLength: 128 });
 */
export async function cutDocuments(
  documents: Iterable<Document> | AsyncIterable<Document>,
  tokenizer: SequenceTokenizer | undefined,
  options: SequenceOptions,
  notes = new DataNotes(),
): Promise<CutData> {
  checkLength(options.sequenceLength);
  const wrapped = new WrappedTexts();
  const encoded: (Sequence | EncodedDocument)[] = [];
  const seen = { documents: 0, tokens: 0, longest: 0 };
  const packed = new PackedIds();
  for await (const document of documents) {
    seen.documents += 1;
    const one = await encodeOne(document, tokenizer, options, notes);
    if (one !== undefined) {
      seen.tokens += one.ids.length;
      seen.longest = Math.max(seen.longest, one.ids.length);
      encoded.push(packOne(one, packed));
    }
    if ('text' in document && options.unwrap !== true) wrapped.look(document);
  }
  const windows = chooseWindows(encoded, options);
  const sequences = cutAll(encoded, windows, options, notes);
  if (sequences.length === 0) throw noAnswer(notes) ?? noSequence(seen, options);
  if (options.vocabSize !== undefined) checkIds(sequences, options.vocabSize);
  return { sequences, documents: seen.documents, tokens: seen.tokens, windows, notes: notes.notes, warnings: wrapped.warnings };
}

function packOne(one: Sequence | EncodedDocument, packed: PackedIds): Sequence | EncodedDocument {
  const ids = packed.pack(one.ids);
  return isSequence(one) ? { ...one, ids } : { ...one, ids, paragraphStarts: packed.pack(one.paragraphStarts) };
}

/** Empties `encoded` on the way: the ids of many gigabytes of text must not lie in memory twice. */
function cutAll(encoded: (Sequence | EncodedDocument)[], windows: Windows, options: SequenceOptions, notes: DataNotes): Sequence[] {
  const sequences: Sequence[] = [];
  const packed = new PackedIds();
  encoded.reverse();
  for (let one = encoded.pop(); one !== undefined; one = encoded.pop()) {
    if (isSequence(one)) sequences.push(one);
    else for (const sequence of cutText(one, windows, options, notes)) sequences.push({ ...sequence, ids: packed.pack(sequence.ids) });
  }
  return sequences;
}

function checkLength(sequenceLength: number): void {
  if (Number.isInteger(sequenceLength) && sequenceLength >= 2) return;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected a whole number of at least 2 for \`sequenceLength\`, got ${sequenceLength}; the paper's is 256`,
  );
}

/** A sequence as it stands, or a text to be cut. */
async function encodeOne(
  document: Document,
  tokenizer: SequenceTokenizer | undefined,
  options: SequenceOptions,
  notes: DataNotes,
): Promise<Sequence | EncodedDocument | undefined> {
  const { source } = document;
  const trainOn = options.trainOn ?? 'assistant';
  if (isIdsDocument(document)) return wholeSequence(document);
  if (isMessagesDocument(document) && trainOn !== 'all' && !hasAnswer(document)) return passOver(UNANSWERED, source, notes);
  if (isMessagesDocument(document))
    return { ...(await encodeDialogue(document, needChatTokenizer(tokenizer, document), trainOn, notes)), source, offset: 0 };
  if (isCompletionDocument(document))
    return { ...(await encodeCompletion(document, needTokenizer(tokenizer, document), trainOn)), source, offset: 0 };
  if (document.text.trim() !== '') return encodeDocument(document, tokenizer, options);
  return passOver(EMPTY_TEXTS, source, notes);
}

function passOver(what: string, source: string, notes: DataNotes): undefined {
  notes.add(what, source);
}

const UNANSWERED = 'dialogues without an answer to learn were passed over';

/** As the readers call them. */
const EMPTY_TEXTS = 'empty texts were passed over';

function wholeSequence(document: IdsDocument): Sequence {
  if (document.ids.length < 2) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected two ids or more for \`ids\`, got ${document.ids.length} at ${document.source}; one token has nothing to predict`,
    );
  }
  return { ...document, offset: 0 };
}

function isSequence(one: Sequence | EncodedDocument): one is Sequence {
  return 'offset' in one;
}

function chooseWindows(
  encoded: readonly (Sequence | EncodedDocument)[],
  { windows = 'auto', wanted = Infinity, sequenceLength, wholeOnly }: SequenceOptions,
): Windows {
  if (windows !== 'auto') return windows;
  let found = 0;
  for (const one of encoded) found += isSequence(one) ? 1 : placeWindows(one, sequenceLength, 'paragraph', wholeOnly).length;
  return found >= wanted ? 'paragraph' : 'consecutive';
}

function cutText(
  document: EncodedDocument,
  windows: Windows,
  { sequenceLength, wholeOnly }: SequenceOptions,
  notes: DataNotes,
): Sequence[] {
  const placed = placeWindows(document, sequenceLength, windows, wholeOnly);
  const lost = document.ids.length - placed.reduce((sum, { length }) => sum + length, 0);
  if (lost > 0) notes.add(placed.length > 0 ? LOST_PARTS[windows] : LOST_TEXTS, document.source, 1, lost);
  return placed.map((window) => takeWindow(document, window));
}

const LOST_TEXTS = 'texts were left out, too short for a sequence';
const LOST_PARTS: Record<Windows, string> = {
  paragraph: 'texts lost what lies between windows that start at paragraphs, which windows "consecutive" would keep',
  consecutive: 'texts lost what their last window leaves',
};

function noAnswer(notes: DataNotes): HyperfitError | undefined {
  const note = notes.notes.find(({ what }) => what === UNANSWERED);
  return note && refuse(note.first, 'an answer of the assistant to learn', 'none', 'add one, or train on all tokens');
}

function noSequence(
  { documents, longest }: { documents: number; longest: number },
  { sequenceLength, wholeOnly = false }: SequenceOptions,
): HyperfitError {
  const least = wholeOnly ? sequenceLength : 2;
  const remedy = wholeOnly ? 'lower `sequenceLength` or give longer documents (windows never cross from one into another)' : 'give text';
  return new HyperfitError(
    'ERR_DATA',
    `expected a document of at least ${least} tokens for \`data\`, got ${documents} of at most ${longest}; ${remedy}`,
  );
}

function checkIds(sequences: readonly Sequence[], vocabSize: number): void {
  for (const { ids, source } of sequences) {
    const bad = ids.findIndex((id) => id >= vocabSize || id < 0);
    if (bad === -1) continue;
    throw new HyperfitError(
      'ERR_DATA',
      `expected ids below the vocabulary size ${vocabSize} for \`ids\`, got ${ids[bad]} at ${source}; use this model's tokenizer`,
    );
  }
}

/** Counts texts that are hard-wrapped, for one warning about all of them. */
class WrappedTexts {
  #count = 0;
  #first = '';

  look({ text, source }: TextDocument): void {
    const width = findWrapWidth(text);
    if (width === undefined) return;
    this.#first ||= `${source} (at ${width} characters)`;
    this.#count += 1;
  }

  get warnings(): string[] {
    if (this.#count === 0) return [];
    const others = this.#count === 1 ? 'looks' : `and ${this.#count - 1} more look`;
    return [
      `${this.#first} ${others} hard-wrapped: the model will learn to break its lines there; --unwrap (\`unwrap: true\`) joins the lines of each paragraph`,
    ];
  }
}
