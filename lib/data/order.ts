import { HyperfitError } from '../errors.ts';
import { Random, randomPermutation, swap } from './random.ts';

/** `shuffle`, `identity`, or `swap-K` with K pairs exchanged. */
export type Order = { kind: 'shuffle' } | { kind: 'identity' } | { kind: 'swap'; swaps: number };

const EXPECTED = 'expected "shuffle", "identity" or "swap-K" (K a positive whole number, as in "swap-1") for `order`';

/**
 * Reads an order as it is written in a configuration.
 * @throws HyperfitError ERR_CONFIG for anything else
 *
 * @example
 * parseOrder('swap-2'); // { kind: 'swap', swaps: 2 }
 */
export function parseOrder(text: string): Order {
  if (text === 'shuffle' || text === 'identity') return { kind: text };
  const swaps = /^swap-([1-9]\d{0,8})$/.exec(text)?.[1];
  if (swaps === undefined) throw new HyperfitError('ERR_CONFIG', `${EXPECTED}, got "${text}"; choose one of the three`);
  return { kind: 'swap', swaps: Number(swaps) };
}

/**
 * The order in which an epoch visits `count` sequences: a permutation of 0 .. count - 1 that depends only on (order, count, seed, epoch),
 * never on the model's seed. `swap-K` is the identity with K disjoint, randomly chosen pairs exchanged, so it differs from the identity in
 * exactly 2K places.
 * @throws HyperfitError ERR_CONFIG when 2K exceeds `count`
 *
 * @example
 * const order = epochOrder(parseOrder('swap-1'), 8, { seed: 0, epoch: 0 }); // 0 to 7, two of them exchanged
 */
export function epochOrder(order: Order, count: number, options: { seed: number; epoch: number }): Int32Array {
  const random = new Random(options.seed, options.epoch);
  if (order.kind === 'shuffle') return randomPermutation(count, random);
  const identity = Int32Array.from({ length: count }, (_, index) => index);
  if (order.kind === 'identity') return identity;
  return swapPairs(identity, order.swaps, random);
}

function swapPairs(order: Int32Array, swaps: number, random: Random): Int32Array {
  if (2 * swaps > order.length) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected at least ${2 * swaps} sequences for \`order\` "swap-${swaps}", got ${order.length}; lower K or add samples`,
    );
  }
  const places = randomPermutation(order.length, random);
  for (let pair = 0; pair < swaps; pair += 1) swap(order, places[2 * pair]!, places[2 * pair + 1]!);
  return order;
}
