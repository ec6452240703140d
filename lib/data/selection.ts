import { HyperfitError } from '../errors.ts';
import { IGNORE_INDEX } from './batch.ts';
import { Random, randomPermutation } from './random.ts';
import type { Sequence } from './sequences.ts';

/** `random`: a seeded choice, so that a smaller selection is always part of a larger one with the same seed. `first`: as listed. */
export type Selection = 'random' | 'first';

/** How many sequences are held out, and which. */
export interface SplitOptions {
  /** Training sequences wanted; fewer are given when the data holds fewer. */
  samples: number;
  /** Sequences kept apart for held-out loss, and for contexts to continue. Default 0. */
  heldOut?: number;
  /** How many to continue. */
  contexts?: number;
  /** The first ones, or seeded random ones. */
  selection?: Selection;
  /** Of every draw; the same seed gives the same draws. */
  seed?: number;
}

/** Parts without a common sequence. */
export interface Split {
  /** What is trained on. */
  train: Sequence[];
  /** What is not trained on. */
  heldOut: Sequence[];
  /** Of the held-out ones, those to be continued. */
  contexts: Sequence[];
}

/**
 * Parts sequences into training, held-out and context sequences, disjoint, in this order of claim: training sequences first, so that asking
 * for held-out ones does not change which sequences train.
 * @throws HyperfitError ERR_DATA when training leaves too few for the rest; ERR_CONFIG for counts that are not whole, and for `samples`
 *   below 1
 *
 * @example
 * const { train, heldOut: kept, contexts: beginnings } = splitSequences(sequences, { samples: 64, heldOut: 16, contexts: 8, seed: 0 });
 */
export function splitSequences(sequences: readonly Sequence[], options: SplitOptions): Split {
  const { samples, heldOut = 0, contexts = 0 } = options;
  checkCounts({ samples, heldOut, contexts });
  const order = selectionOrder(sequences.length, options.selection ?? 'random', options.seed ?? 0);
  const trainCount = Math.min(samples, sequences.length);
  if (trainCount + heldOut + contexts > sequences.length) throw tooFew(sequences.length, options);
  const take = (from: number, count: number): Sequence[] => Array.from(order.subarray(from, from + count), (index) => sequences[index]!);
  return {
    train: take(0, trainCount),
    heldOut: take(trainCount, heldOut),
    contexts: take(trainCount + heldOut, contexts),
  };
}

/**
 * The first or a seeded choice of `samples` sequences; all of them, in that order, when there are fewer.
 * @throws HyperfitError ERR_CONFIG as `splitSequences`, for `samples` that are no whole number of at least 1
 *
 * @example
 * const chosen = selectSequences(sequences, { samples: 64, seed: 0 }); // 64 of those that `samples: 128` chooses
 */
export function selectSequences(
  sequences: readonly Sequence[],
  options: { samples: number; selection?: Selection; seed?: number },
): Sequence[] {
  return splitSequences(sequences, options).train;
}

function selectionOrder(count: number, selection: Selection, seed: number): Int32Array {
  if (selection === 'first') return Int32Array.from({ length: count }, (_, index) => index);
  return randomPermutation(count, new Random(seed));
}

function checkCounts(counts: Record<string, number>): void {
  for (const [name, count] of Object.entries(counts)) {
    const least = name === 'samples' ? 1 : 0;
    if (Number.isInteger(count) && count >= least) continue;
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a whole number of at least ${least} for \`${name}\`, got ${count}; the paper's number of samples is 2000`,
    );
  }
}

function tooFew(available: number, options: SplitOptions): HyperfitError {
  const wanted = `${options.samples} + ${options.heldOut ?? 0} + ${options.contexts ?? 0}`;
  return new HyperfitError(
    'ERR_DATA',
    `expected enough sequences for \`samples\` + \`heldOut\` + \`contexts\` (${wanted}), got ${available}; lower one of them, shorten \`sequenceLength\`, or give more text`,
  );
}

/** A context to continue and the words that a person wrote there. */
export interface Context {
  /** The first `contextLength` tokens, start token included where there is one. */
  context: Int32Array;
  /** The rest of the sequence; empty when the sequence ends with its context. */
  original: Int32Array;
  /** Where it comes from: a file, with a line where there is one. */
  source: string;
  /**
   * What follows is an answer that ends by itself: `original` is the one that is right, with the token that ends it, empty where none is
   * known.
   */
  isAnswer?: true;
}

/**
 * The first `contextLength` tokens; of a dialogue, and of a sequence of which a part is learnt, all that comes before the first of them, or
 * the last.
 *
 * @example
 * const { context, original } = makeContext(heldOut[0]!, 32);
 * const [generation] = await model.generate([context], { maxNewTokens: 96 });
 * console.log(generation?.text, 'instead of', await tokenizer.decode(original));
 */
export function makeContext(
  { ids, targets, answers, source }: Sequence,
  contextLength: number,
  which: 'first' | 'last' = 'first',
): Context {
  const answer = findAnswers(answers ?? targets).at(which === 'first' ? 0 : -1);
  if (answer === undefined) return { context: ids.slice(0, contextLength), original: ids.slice(contextLength), source };
  const [start, end] = answer;
  return { context: ids.slice(0, start), original: ids.slice(start, end), source, isAnswer: true };
}

/** Where the learnt stretches of ids start and end; none where learning starts with the second token, as in text. */
function findAnswers(targets: Int32Array | undefined): [number, number][] {
  const answers: [number, number][] = [];
  if (targets === undefined || targets[0] !== IGNORE_INDEX) return answers;
  targets.forEach((target, at) => {
    if (target === IGNORE_INDEX) return;
    const last = answers.at(-1);
    if (last?.[1] === at + 1) last[1] = at + 2;
    else answers.push([at + 1, at + 2]);
  });
  return answers;
}

/**
 * The beginning of each sequence, to be continued, and what a person wrote there. Of a dialogue it is all that comes before the first
 * answer.
 * @param contextLength - tokens of a context; default 32, the paper's
 * @throws HyperfitError ERR_DATA for a sequence shorter than that
 *
 * @example
 * const beginnings = makeContexts(heldOut, 32);
 * const written = await model.generate(beginnings.map(({ context }) => context));
 */
export function makeContexts(sequences: readonly Sequence[], contextLength = 32): Context[] {
  return sequences.map((sequence) => {
    const context = makeContext(sequence, contextLength);
    if (sequence.ids.length < contextLength && context.isAnswer !== true) {
      throw new HyperfitError(
        'ERR_DATA',
        `expected sequences of at least ${contextLength} tokens for \`contexts\`, got ${sequence.ids.length} at ${sequence.source}; lower \`contextLength\``,
      );
    }
    return context;
  });
}
