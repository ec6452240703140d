import { learntTokens } from '../data/labels.ts';
import type { Sequence } from '../data/sequences.ts';
import { decodePieces, type Decoder } from './pieces.ts';

/** A training sequence as text, in stretches that are learnt or not. */
export interface TrainingExample {
  source: string;
  spans: { text: string; learnt: boolean }[];
}

const EXAMPLES = 3;
/** Of a long sequence the beginning says enough. */
const MOST_TOKENS = 600;

/** The first training sequences, for people to see what the model sees. */
export function trainingExamples(train: readonly Sequence[], tokenizer: Decoder | undefined): TrainingExample[] {
  return train.slice(0, EXAMPLES).map(({ ids, targets, source }) => ({
    source,
    spans: spansOf(ids.subarray(0, MOST_TOKENS), targets, tokenizer, ids.length > MOST_TOKENS),
  }));
}

function spansOf(
  ids: Int32Array,
  targets: Int32Array | undefined,
  tokenizer: Decoder | undefined,
  isCut: boolean,
): TrainingExample['spans'] {
  const learnt = learntTokens(ids, targets);
  const pieces = tokenizer === undefined ? Array.from(ids, (id) => `${id} `) : decodePieces(tokenizer, ids);
  const spans: TrainingExample['spans'] = [];
  for (const [at, text] of pieces.entries()) {
    const isLearnt = learnt?.[at] ?? true;
    const last = spans.at(-1);
    if (last?.learnt === isLearnt) last.text += text;
    else spans.push({ text, learnt: isLearnt });
  }
  return isCut ? [...spans, { text: ' […]', learnt: false }] : spans;
}
