import { DataNotes, renderNote } from '../data/data-notes.ts';
import { summarizeData, type DataSummary } from '../data/data-summary.ts';
import { readItem, ROW_FORMS } from '../data/readers/rows.ts';
import { selectSequences, type Selection } from '../data/selection.ts';
import { cutDocuments, loadData, type CutData, type Sequence, type SequenceOptions } from '../data/sequences.ts';
import type { SequenceTokenizer } from '../data/encoded-document.ts';
import type { Document } from '../data/document.ts';
import { HyperfitError } from '../errors.ts';
import { idListProblem } from '../generate/check-ids.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { TrainSettings } from './settings.ts';

/** A dialogue, and the functions that its assistant may call. */
export interface Dialogue {
  messages: readonly ChatMessage[];
  tools?: readonly unknown[] | undefined;
}

/**
 * What may be trained on: a path (see `streamDocuments`); texts; dialogues, or rows in another form that files have; lists of token
 * ids, used as they stand; or sequences that lib/data made.
 */
export type TrainingData =
  | string
  | readonly string[]
  | readonly Dialogue[]
  | readonly { prompt: string; completion: string }[]
  | readonly (Int32Array | readonly number[])[]
  | readonly Sequence[];

/** What the checks and the cutting need to know of a model. */
export interface DataModel {
  tokenizer: SequenceTokenizer | undefined;
  config: { vocabSize: number; maxPositionEmbeddings: number };
}

export type DataSettings = Pick<
  TrainSettings,
  'samples' | 'sampleSelection' | 'sequenceLength' | 'windows' | 'unwrap' | 'appendEos' | 'trainOn' | 'seed'
>;

/** What is trained on, and what became of the rest of the data. */
export interface PreparedData {
  sequences: Sequence[];
  summary: DataSummary;
  warnings: string[];
}

/**
 * The sequences to train on, cut, chosen and checked.
 * @throws HyperfitError ERR_DATA for empty or unreadable data, ids outside the vocabulary and sequences longer than the model's
 *   context; ERR_TOKENIZER for text without a tokenizer
 */
export async function prepareTrainingData(data: TrainingData, model: DataModel, settings: DataSettings): Promise<PreparedData> {
  const cut = await readTrainingData(data, model, settings);
  const sequences = selectTrainingSequences(cut.sequences, settings);
  checkSequences(sequences, model);
  return {
    sequences,
    summary: summarizeData(cut, sequences, { sequences: [], rule: 'hyperfit() measures nothing' }),
    warnings: [...cut.warnings, ...cut.notes.map(renderNote)],
  };
}

async function readTrainingData(data: TrainingData, { tokenizer }: DataModel, settings: DataSettings): Promise<CutData> {
  const options = cutOptions(settings, settings.samples ?? Infinity);
  if (typeof data === 'string') return loadData(data, tokenizer, options);
  if (!Array.isArray(data) || data.length === 0) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected a path, texts or lists of token ids for \`data\`, got ${Array.isArray(data) ? 'an empty list' : typeof data}`,
    );
  }
  const items = data as readonly Item[];
  if (items.every(isText)) {
    const notes = new DataNotes();
    return cutDocuments(
      items.map((item, index) => toDocument(item, index, notes)).filter((document) => document !== undefined),
      tokenizer,
      options,
      notes,
    );
  }
  const sequences = items.map(toSequence);
  const tokens = sequences.reduce((sum, { ids }) => sum + ids.length, 0);
  return { sequences, documents: sequences.length, tokens, windows: 'consecutive', notes: [], warnings: [] };
}

/** How settings cut text of which `wanted` sequences are of use. */
export function cutOptions(
  { sequenceLength, windows, unwrap, appendEos, trainOn }: Omit<DataSettings, 'samples' | 'sampleSelection' | 'seed'>,
  wanted: number,
): SequenceOptions {
  return { sequenceLength, windows, unwrap, appendEos, trainOn, wanted };
}

type Row = Dialogue | { prompt: string; completion: string };
type Item = string | Row | Int32Array | readonly number[] | Sequence;

/** A text, or a row as files have them; sequences and lists of ids are none. */
function isText(item: Item): item is string | Row {
  if (typeof item === 'string') return true;
  return typeof item === 'object' && item !== null && !Array.isArray(item) && !ArrayBuffer.isView(item) && !('ids' in item);
}

/** Nothing for an empty one, which is counted. */
function toDocument(item: string | Row, index: number, notes: DataNotes): Document | undefined {
  const source = `data[${index}]`;
  const document = readItem(item, { source, notes });
  if (typeof document !== 'string') return document;
  throw new HyperfitError('ERR_DATA', `expected ${ROW_FORMS} at ${source}, got ${document}; correct it`);
}

function toSequence(item: Item, index: number): Sequence {
  if (isText(item)) throw new HyperfitError('ERR_DATA', `expected only texts or only ids in \`data\`, got both (text at ${index})`);
  const isGiven = typeof item === 'object' && item !== null && 'ids' in item;
  if (isGiven && ArrayBuffer.isView(item.ids)) return item;
  const ids = isGiven ? item.ids : item;
  // Int32Array.from would make 1 of 1.5, and 0 of what is no number.
  const problem = ids instanceof Int32Array ? undefined : idListProblem(`data[${index}]`, ids);
  if (problem !== undefined) throw new HyperfitError('ERR_DATA', problem);
  return { ids: Int32Array.from(ids), source: `data[${index}]`, offset: 0 };
}

/** All sequences stay as listed; a choice among them is the first ones or seeded random ones. */
export function selectTrainingSequences(
  sequences: readonly Sequence[],
  { samples, sampleSelection, seed }: Pick<DataSettings, 'samples' | 'sampleSelection' | 'seed'>,
): Sequence[] {
  if (samples === null || samples >= sequences.length) return [...sequences];
  const selection: Selection = sampleSelection;
  return selectSequences(sequences, { samples, selection, seed });
}

/** Refuses before the first step what the engine would refuse in the middle of an epoch. */
export function checkSequences(sequences: readonly Sequence[], { config }: DataModel): void {
  for (const { ids, source } of sequences) {
    if (ids.length < 2)
      throw new HyperfitError(
        'ERR_DATA',
        `expected two tokens or more in a sequence, got ${ids.length} at ${source}; one token has nothing to predict`,
      );
    if (ids.length > config.maxPositionEmbeddings) {
      const count = sequences.filter((sequence) => sequence.ids.length > config.maxPositionEmbeddings).length;
      const others = count === 1 ? '' : ` and ${count - 1} more that are too long`;
      throw new HyperfitError(
        'ERR_DATA',
        `expected sequences within the model's context of ${config.maxPositionEmbeddings} tokens, got ${ids.length} at ${source}${others}; lower sequenceLength for text; make dialogues, completions and ids shorter, or leave them out`,
      );
    }
    const bad = ids.find((id) => id < 0 || id >= config.vocabSize);
    if (bad !== undefined)
      throw new HyperfitError(
        'ERR_DATA',
        `expected ids below the vocabulary size ${config.vocabSize}, got ${bad} at ${source}; use this model's tokenizer`,
      );
  }
}
