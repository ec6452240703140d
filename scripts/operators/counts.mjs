// Arithmetic on what the operator log counts (test/stand-ins/operator-log.ts has the type).
const MAPS = ['operators', 'nested', 'views', 'copies'];
const NUMBERS = ['launches', 'launchesSinceRead', 'scalarReads', 'allocations', 'allocatedBytes'];

/** `one` and `other` joined figure by figure; names at which nothing is left are dropped. */
function combine(one, other, join) {
  const maps = MAPS.map((key) => [key, combineNames(one[key], other[key], join)]);
  return Object.fromEntries([...maps, ...NUMBERS.map((key) => [key, join(one[key], other[key])])]);
}

function combineNames(one, other, join) {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  const joined = names.map((name) => [name, join(one[name] ?? 0, other[name] ?? 0)]);
  return Object.fromEntries(joined.filter(([, count]) => count !== 0));
}

export const subtract = (one, other) => combine(one, other, (a, b) => a - b);

/**
 * What a layer costs, and what comes beside the layers, of the counts of a model of `layers` layers and of one of twice as many. Layers of
 * several kinds are averaged.
 */
export function partByLayer(once, twice, layers) {
  const difference = subtract(twice, once);
  const layer = combine(difference, difference, (count) => round(count / layers));
  return { layer, beside: subtract(once, difference) };
}

const round = (count) => Math.round(count * 1000) / 1000;
const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** The figures that have budgets. */
export function summarize({ operators, views, launches, allocations }) {
  return { operators: round(total(operators)), launches, views: round(total(views)), allocations };
}
