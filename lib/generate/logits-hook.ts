import type { CallbackGuard } from '../callbacks.ts';
import { HyperfitError } from '../errors.ts';
import { arrayClassOf } from '../tensor/dtype.ts';
import { shown } from './check-ids.ts';

/**
 * Gives the scores [vocabulary] that a row goes on with, or undefined once the work is cancelled. Must not throw. `ids`: the prompt and
 * what came after it.
 */
export type NativeLogitsHook = (row: number, logits: Float32Array, ids: Int32Array) => Float32Array | undefined;

/** Where a row stands when its next token is to be chosen. */
export interface LogitsStep {
  /** The context and what was generated so far: a copy. */
  ids: Int32Array;
  /** How many tokens were generated before this one: 0 for the first. */
  step: number;
  /** Which of the prompts. */
  row: number;
}

/**
 * Sees the model's logits [vocabSize] before each token of each row, and may change them: in place, or by returning others. -Infinity
 * forbids an id. It comes first: `logitBias`, penalties, bans, the citation blocker and sampling work on what it leaves, so it cannot undo
 * a ban; `tokenStats` tell of the logits before it. Synchronous, since the model waits for it. What it throws ends the generation, and
 * reaches the caller.
 *
 * @example
 * const never = (logits: Float32Array) => void (logits[13] = -Infinity);
 * await model.generate(['Call me'], { logitsHook: never });
 */
export type LogitsHook = (logits: Float32Array, at: LogitsStep) => Float32Array | undefined | void;

/** `hook` as native code calls it, one row after another: what goes wrong is kept in `guard`, which cancels the work. */
export function guardedHook(hook: LogitsHook, promptIds: readonly Int32Array[], guard: CallbackGuard): NativeLogitsHook {
  return (row, logits, ids) => {
    const { length } = logits;
    let result: Float32Array | undefined;
    guard.call(() => {
      const step = ids.length - promptIds[row]!.length;
      result = checked(hook(logits, { ids, step, row }) ?? logits, length);
    });
    return result;
  };
}

function checked(result: unknown, length: number): Float32Array {
  if (typeof (result as { then?: unknown }).then === 'function') {
    (result as Promise<unknown>).then(undefined, () => {}); // the refusal is what the caller hears
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected a synchronous function for `logitsHook`, got one that returns a promise; the model waits for it, so work out beforehand what it needs',
    );
  }
  const floats = arrayClassOf(result) === 'Float32Array' ? (result as Float32Array) : undefined;
  if (floats?.length === length) return floats;
  const got = floats === undefined ? shown(result) : `one of ${floats.length}`;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected nothing or a Float32Array of ${length} logits from \`logitsHook\`, got ${got}; change the logits in place, and return nothing`,
  );
}
