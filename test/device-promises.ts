import type { Model } from '../lib/model/model.ts';
import { makeBatch } from './oracle/batches.ts';
import { readNumbers } from './oracle/models.ts';

/** float32 holds 24 bits of a number, bfloat16 8: one rounding is an error of up to 2^-9. */
const ROUNDING = 2 ** -9;

interface Bounds {
  /** Two ids whose scores lie within this share of the largest may change places between a text alone and in a batch. */
  idMargin: number;
  /** Of a batch whole and in parts: the norm of a gradient's difference over its norm. */
  splitGradients: number;
  /** Of a batch whole and in parts: the summed loss, relative. */
  splitLoss: number;
}

/**
 * What a device promises when the same numbers are added up in another order. Equal calls give equal bits on every device, so none of this
 * is for them. docs/gpu.md repeats the table ("What is promised"), and test/device-promises.test.ts holds it to this one.
 *
 * - `cpu`: a decoding step adds up the same whatever rows stand beside it, and what reads prompts changes no id. Parts of a batch are sums
 *   of fewer rows, added afterwards.
 * - `cuda`: cuBLAS chooses a kernel by the number of rows, and may cut a long sum into pieces: every product of a batch of another shape is
 *   a sum in another order. Ids then part where two scores lie nearer than such a sum moves them; a gradient that mostly cancels loses one
 *   more digit.
 */
export const PROMISES: Record<'cpu' | 'cuda', Record<'float32' | 'bfloat16', Bounds>> = {
  cpu: {
    float32: { idMargin: 0, splitGradients: 5e-6, splitLoss: 1e-6 },
    bfloat16: { idMargin: 0, splitGradients: 16 * ROUNDING, splitLoss: 1e-3 },
  },
  cuda: {
    float32: { idMargin: 1e-4, splitGradients: 5e-5, splitLoss: 1e-5 },
    bfloat16: { idMargin: 16 * ROUNDING, splitGradients: 40 * ROUNDING, splitLoss: 1e-2 },
  },
};

/** What stands in for a card is asked what a card is asked. */
export function promisesOf(device: string, dtype: 'float32' | 'bfloat16' = 'float32'): Bounds {
  return PROMISES[device === 'cpu' ? 'cpu' : 'cuda'][dtype];
}

type Ids = ArrayLike<number>;

/** What was done to scores before an id was chosen: the best one, or with a temperature one by a draw. */
export interface Choice {
  temperature?: number;
  repetitionPenalty?: number;
}

export type Parting =
  { kind: 'same' } | { kind: 'within the margin' | 'apart'; step: number; ids: [number, number]; gap: number; margin: number };

/** Continuations of `prompt` that `device` has to give alike: to the last id, or up to a step at which its promise lets them part. */
export async function expectSameIds(model: Model, prompt: Ids, actual: Ids, expected: Ids, choice: Choice = {}): Promise<void> {
  const { idMargin } = promisesOf(model.device, model.computeDtype);
  if (idMargin === 0) return expect(Array.from(actual)).toEqual(Array.from(expected));
  const parting = await partingOf(model, prompt, actual, expected, idMargin, choice);
  expect(parting).not.toMatchObject({ kind: 'apart' });
}

/** Where two continuations part, judged by the scores of a whole forward pass up to there. */
export async function partingOf(
  model: Model,
  prompt: Ids,
  actual: Ids,
  expected: Ids,
  idMargin: number,
  { temperature = 0, repetitionPenalty = 1 }: Choice = {},
): Promise<Parting> {
  const step = firstDifference(actual, expected);
  if (step === -1) return { kind: 'same' };
  const [a, b] = [actual[step], expected[step]];
  const margin = idMargin;
  if (a === undefined || b === undefined) return { kind: 'apart', step, ids: [a ?? -1, b ?? -1], gap: Infinity, margin };
  const history = [...Array.from(prompt), ...Array.from(expected).slice(0, step)];
  const scores = penalised(await lastScores(model, history), history, repetitionPenalty);
  const gap = Math.abs(scores[a]! - scores[b]!) / scores.reduce((largest, score) => Math.max(largest, Math.abs(score)), 0);
  // A draw that falls on the border of two candidates goes to either; they stand in the order of their scores.
  const isNear = gap <= idMargin || (temperature > 0 && areNeighbours(scores, a, b, idMargin));
  return { kind: isNear ? 'within the margin' : 'apart', step, ids: [a, b], gap, margin };
}

function firstDifference(actual: Ids, expected: Ids): number {
  for (let i = 0; i < Math.max(actual.length, expected.length); i++) if (actual[i] !== expected[i]) return i;
  return -1;
}

async function lastScores(model: Model, history: readonly number[]): Promise<Float64Array> {
  const { logits } = await model.forward(makeBatch([history]));
  const numbers = readNumbers(logits);
  logits.dispose();
  return numbers.slice(-numbers.length / history.length);
}

function penalised(scores: Float64Array, history: readonly number[], penalty: number): Float64Array {
  for (const id of new Set(history)) scores[id] = scores[id]! > 0 ? scores[id]! / penalty : scores[id]! * penalty;
  return scores;
}

/** Nothing stands between them but what lies within the margin of one of them. */
function areNeighbours(scores: Float64Array, a: number, b: number, idMargin: number): boolean {
  const [low, high] = [Math.min(scores[a]!, scores[b]!), Math.max(scores[a]!, scores[b]!)];
  const near = idMargin * scores.reduce((largest, score) => Math.max(largest, Math.abs(score)), 0);
  return !scores.some((score) => score > low + near && score < high - near);
}
