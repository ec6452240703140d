export { batches, IGNORE_INDEX, makeBatch, targetCount, type Batch, type IndexedBatch } from './batch.ts';
export { isIdsDocument, readDocuments, type Document, type IdsDocument, type TextDocument } from './documents.ts';
export { encodeWhole, type SequenceTokenizer } from './encoded-document.ts';
export { hashIds, makeManifest, type DataManifest } from './manifest.ts';
export { readMobyDick, DEFAULT_CHAPTERS, type ChapterSplit } from './moby-dick.ts';
export { epochOrder, parseOrder, type Order } from './order.ts';
export { Random, randomPermutation, type RandomState } from './random.ts';
export { makeContexts, selectSequences, splitSequences, type Context, type Selection, type Split, type SplitOptions } from './selection.ts';
export { cutSequences, loadSequences, type Sequence, type SequenceOptions } from './sequences.ts';
