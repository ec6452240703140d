import { splitSequences } from '../data/selection.ts';
import type { Sequence } from '../data/sequences.ts';
import type { RunConfig } from '../config/fields.ts';
import { selectTrainingSequences } from '../train/training-data.ts';

/** Of so many sequences, when all would train. */
const HELD_OUT_EVERY = 8;
/** Fewer sequences all train. */
const LEAST_SEQUENCES = 4;

/** What trains and what is kept apart for measuring. */
export interface HeldApart {
  train: Sequence[];
  spare: Sequence[];
  /** In words, for people: by what rule `spare` was taken. */
  rule: string;
}

/**
 * Parts the sequences of one text. What `samples` leaves over is spare. Where it leaves nothing, as in a short text with a preset that
 * wants many, every eighth is held out (at least one, of four or more), evenly spread, so that the run can be measured. Without
 * `samples` all of them train.
 */
export function holdOut(
  all: readonly Sequence[],
  config: Pick<RunConfig, 'samples' | 'sampleSelection' | 'seed'>,
  wanted: number,
): HeldApart {
  const { samples, sampleSelection: selection, seed } = config;
  if (samples !== null && samples < all.length) {
    const { train, heldOut } = splitSequences(all, { samples, heldOut: Math.min(wanted, all.length - samples), selection, seed });
    return { train, spare: heldOut, rule: 'what the training sequences left over' };
  }
  if (samples === null || all.length < LEAST_SEQUENCES || wanted === 0)
    return { train: selectTrainingSequences(all, config), spare: [], rule: nothingHeldOut(all.length, samples) };
  const places = spreadOut(all.length, Math.min(wanted, Math.ceil(all.length / HELD_OUT_EVERY)));
  const isSpare = (index: number): boolean => places.has(index);
  return {
    train: all.filter((_, index) => !isSpare(index)),
    spare: all.filter((_, index) => isSpare(index)),
    rule: `every eighth, since the data have ${all.length} of the ${samples} sequences wanted`,
  };
}

/** The last place of each of `count` equal parts. */
function spreadOut(length: number, count: number): Set<number> {
  return new Set(Array.from({ length: count }, (_, part) => Math.floor(((part + 1) * length) / count) - 1));
}

/** Why nothing is held out where something could be measured, and what to do about it. */
export function nothingHeldOut(all: number, samples: number | null): string {
  const remedy = all < LEAST_SEQUENCES ? '' : samples === null ? `, or --samples ${all - Math.ceil(all / HELD_OUT_EVERY)}` : '';
  return `what the model writes will not be measured; give --held-out${remedy}`;
}
