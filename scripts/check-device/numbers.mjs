/** float32 holds 24 bits of a number, bfloat16 8: one rounding is an error of up to 2^-9. */
const ROUNDING = 2 ** -9;

/**
 * What two right ways of computing may differ by. float32: orders of addition. bfloat16: a few dozen roundings in a row, of which some
 * cancel. `logits` and `gradients` are norms of differences over norms of what is expected; `losses`, `learning` (40 losses against those
 * of float32) and `gradNorms` are relative; `statistics` and `logProbs` are in nats. `margin` is a share of the largest score: two scores
 * nearer than this may change places. `partedShare`: a draw that falls on a boundary parts too; in bfloat16 most rows end up there.
 */
export const BOUNDS = {
  float32: {
    logits: 1e-5,
    gradients: 1e-4,
    losses: 1e-4,
    gradNorms: 1e-3,
    statistics: 1e-4,
    logProbs: 5e-4,
    margin: 1e-4,
    partedShare: 0.01,
    gradientFloor: 1e-3,
  },
  bfloat16: {
    logits: 16 * ROUNDING,
    gradients: 40 * ROUNDING,
    losses: 0.02,
    learning: 0.03,
    gradNorms: 0.1,
    statistics: 0.25,
    logProbs: 0.5,
    margin: 16 * ROUNDING,
    gradientFloor: 1e-2,
  },
};

/** The largest of the values, and NaN if one of them is: nothing that is no number may get lost. Math.max takes no list of a million. */
function largestOf(length, valueAt) {
  let largest = 0;
  for (let i = 0; i < length; i++) {
    const value = valueAt(i);
    if (!(value <= largest)) largest = value;
    if (Number.isNaN(value)) return value;
  }
  return largest;
}

export const largest = (values) => largestOf(values.length, (i) => Math.abs(values[i]));

export function largestDifference(actual, expected) {
  if (actual.length !== expected.length) return Infinity;
  return largestOf(expected.length, (i) => Math.abs(actual[i] - expected[i]));
}

/** The largest of the differences, each relative to what is expected there. */
export function relativeDifference(actual, expected) {
  if (actual.length !== expected.length) return Infinity;
  return largestOf(expected.length, (i) => Math.abs(actual[i] - expected[i]) / Math.max(Math.abs(expected[i]), 1e-30));
}

export function norm(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}

/** Norm of the difference over norm of the expected. */
export function relativeError(actual, expected) {
  if (actual.length !== expected.length) return Infinity;
  let sum = 0;
  for (let i = 0; i < expected.length; i++) sum += (actual[i] - expected[i]) ** 2;
  return Math.sqrt(sum) / Math.max(norm(expected), 1e-30);
}

/**
 * The worst relative error of a gradient and whose it is, never relative to less than `floorShare` of all together: some are zero in
 * exact arithmetic (a key bias shifts all scores alike), and two roundings of zero share no digit.
 */
export function worstGradient(actual, expected, floorShare) {
  if (actual.size !== expected.size) return { error: Infinity, parameter: `${actual.size} gradients for ${expected.size}` };
  const floor = floorShare * Math.hypot(...[...expected.values()].map(norm));
  const errors = [...actual].map(([parameter, gradient]) => {
    if (!expected.has(parameter)) return { error: Infinity, parameter };
    const size = norm(expected.get(parameter));
    return { error: relativeError(gradient, expected.get(parameter)) * (size / Math.max(size, floor)), parameter };
  });
  return errors.find(({ error }) => Number.isNaN(error)) ?? errors.reduce((most, each) => (each.error > most.error ? each : most));
}

export const sameBits = (actual, expected) => Buffer.compare(bytesOf(actual), bytesOf(expected)) === 0;
const bytesOf = (values) =>
  ArrayBuffer.isView(values) ? Buffer.from(values.buffer, values.byteOffset, values.byteLength) : bytesOf(Float64Array.from(values));
