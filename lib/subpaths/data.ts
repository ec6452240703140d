/**
 * Documents, dialogues and prompts as token sequences: reading, cutting, choosing, ordering, batching.
 * @module data
 */
export { batches, IGNORE_INDEX, makeBatch, targetCount, type Batch, type IndexedBatch, type Row } from '../data/batch.ts';
export { encodeDialogue, type TrainOn } from '../data/dialogue.ts';
export { DataNotes, type DataNote } from '../data/data-notes.ts';
export {
  isCompletionDocument,
  isIdsDocument,
  isMessagesDocument,
  type CompletionDocument,
  type Document,
  type IdsDocument,
  type MessagesDocument,
  type TextDocument,
} from '../data/document.ts';
export { readDocuments, streamDocuments } from '../data/documents.ts';
export { encodeWhole, type SequenceTokenizer, type TextOptions } from '../data/encoded-document.ts';
export { hashIds, makeManifest, type DataManifest } from '../data/manifest.ts';
export { readMobyDick, DEFAULT_CHAPTERS, type ChapterSplit } from '../data/moby-dick.ts';
export { epochOrder, parseOrder, type Order } from '../data/order.ts';
export { Random, randomPermutation, type RandomState } from '../data/random.ts';
export {
  makeContext,
  makeContexts,
  selectSequences,
  splitSequences,
  type Context,
  type Selection,
  type Split,
  type SplitOptions,
} from '../data/selection.ts';
export {
  cutDocuments,
  cutSequences,
  loadData,
  loadSequences,
  type CutData,
  type Sequence,
  type SequenceOptions,
} from '../data/sequences.ts';
export { renderDataSummary, type DataSummary } from '../data/data-summary.ts';
export type { Windows } from '../data/windows.ts';
export { inspectData, type DataInspection, type InspectedSequence, type NamedToken, type SpecialTokens } from '../run/data-inspection.ts';
export type { Mark } from '../run/marks.ts';
