import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import { predictions, type ForwardModel } from './predictions.ts';

/** How many of the most promoted tokens the bias shifts (arXiv 2605.22579). */
export const BIASED_TOKENS = 500;
/** The strengths of arXiv 2605.22579, .01 to .5, and the whole shift. */
export const BIAS_SCALES = [0.01, 0.05, 0.1, 0.25, 0.5, 1];

/** A constant shift of logits, token by token, the most promoted first; all others stay. */
export interface StaticBias {
  ids: number[];
  values: number[];
}

export interface BiasedChoices {
  scale: number;
  /** Share of positions at which the biased original has the hyperfitted model's first choice. */
  agreement: number;
  /** Share of positions at which its first choice is no longer the unbiased original's. */
  changed: number;
}

/** A model, another one of the same vocabulary, and what both read, one sequence of at least two ids at a time. */
export interface ModelPair {
  original: ForwardModel;
  hyperfitted: ForwardModel;
  sequences: readonly Int32Array[];
  /** Ids from here on are rows that pad the vocabulary: they stand for no text and get no bias. */
  knownIds: number;
}

/**
 * The shift of logits from the original to the hyperfitted model, mean over all positions, less its mean over the vocabulary (what all
 * logits share changes no probability), kept for the `count` tokens that it raises most.
 * Source: arXiv 2605.22579, static logit bias; there K = 500.
 */
export async function findStaticBias(pair: ModelPair, count = BIASED_TOKENS): Promise<StaticBias> {
  const shift = (await meanShift(pair)).subarray(0, pair.knownIds);
  const shared = shift.reduce((sum, value) => sum + value, 0) / shift.length;
  const promoted = Array.from(shift.keys())
    .filter((id) => shift[id]! > shared)
    .sort((left, right) => shift[right]! - shift[left]!)
    .slice(0, count);
  return { ids: promoted, values: promoted.map((id) => shift[id]! - shared) };
}

/** [vocabulary] */
async function meanShift({ original, hyperfitted, sequences }: ModelPair): Promise<Float64Array> {
  let sums: Float64Array | undefined;
  for (const ids of sequences) {
    const part = await scope(
      async () =>
        (await predictions(hyperfitted, ids))
          .sub(await predictions(original, ids))
          .sum(0)
          .toTypedArray() as Float32Array,
    );
    sums ??= new Float64Array(part.length);
    for (let id = 0; id < part.length; id += 1) sums[id]! += part[id]!;
  }
  const positions = countPositions(sequences);
  return (sums ?? new Float64Array()).map((sum) => sum / positions);
}

/** What `scales` times the bias does to the original's first choices after the same tokens. */
export async function measureStaticBias(
  pair: ModelPair,
  bias: StaticBias,
  scales: readonly number[] = BIAS_SCALES,
): Promise<BiasedChoices[]> {
  const agreeing = scales.map(() => 0);
  const changed = scales.map(() => 0);
  for (const ids of pair.sequences) {
    await scope(async () => {
      const logits = await predictions(pair.original, ids);
      const wanted = (await predictions(pair.hyperfitted, ids)).argmax(-1);
      const usual = logits.argmax(-1);
      const shift = asTensor(bias, logits);
      scales.forEach((scale, at) => {
        const chosen = logits.add(shift.mul(scale)).argmax(-1);
        agreeing[at]! += chosen.eq(wanted).sum().item();
        changed[at]! += chosen.ne(usual).sum().item();
      });
    });
  }
  const positions = countPositions(pair.sequences);
  return scales.map((scale, at) => ({ scale, agreement: agreeing[at]! / positions, changed: changed[at]! / positions }));
}

function countPositions(sequences: readonly Int32Array[]): number {
  return sequences.reduce((sum, ids) => sum + ids.length - 1, 0);
}

/** [vocabulary], zero where there is no bias. */
function asTensor({ ids, values }: StaticBias, logits: Tensor): Tensor {
  const dense = new Float32Array(logits.shape[1]!);
  ids.forEach((id, at) => (dense[id] = values[at]!));
  return Tensor.from(dense, { device: logits.device });
}
