import { AsyncLocalStorage } from 'node:async_hooks';

/** What a scope needs to know of a tensor. */
export interface Owned {
  readonly isDisposed: boolean;
  dispose(): void;
}

/** The tensors made while a function ran. */
class Scope {
  readonly #owned = new Set<Owned>();
  #isOpen = true;
  readonly parent: Scope | undefined;

  constructor(parent: Scope | undefined) {
    this.parent = parent;
  }

  /** Work that was not awaited may outlive its scope; what it makes then belongs to the scope around. */
  add(tensor: Owned): void {
    if (this.#isOpen) this.#owned.add(tensor);
    else this.parent?.add(tensor);
  }

  remove(tensor: Owned): void {
    this.#owned.delete(tensor);
    this.parent?.remove(tensor);
  }

  close(result: unknown): void {
    const survivors = findOwned(result);
    this.#isOpen = false;
    for (const tensor of this.#owned) {
      if (kept.has(tensor)) continue;
      if (survivors.has(tensor)) this.parent?.add(tensor);
      else tensor.dispose();
    }
    this.#owned.clear();
  }
}

const kept = new WeakSet<Owned>();
const current = new AsyncLocalStorage<Scope | undefined>();

/** Called for each tensor that is made. */
export function enterScope(tensor: Owned): void {
  current.getStore()?.add(tensor);
}

/** Called for each tensor that is disposed, so that a long scope does not hold on to it. */
export function leaveScope(tensor: Owned): void {
  current.getStore()?.remove(tensor);
}

/**
 * Runs `fn` and disposes every tensor made inside, also across `await`, except those in the result (alone, or within arrays, plain objects,
 * Maps and Sets) and those given to `keep`. When `fn` throws or rejects all are disposed, and the error goes on. Survivors of an inner
 * scope belong to the one around it.
 * @returns what `fn` returns
 *
 * @example
 * const entropy = scope(() => {
 *   const logProbs = logits.logSoftmax(-1);
 *   return logProbs.exp().mul(logProbs).sum(-1).neg(); // lives on; the rest is freed
 * });
 */
export function scope<T>(fn: () => T): T {
  const inner = new Scope(current.getStore());
  let result: T;
  try {
    result = current.run(inner, fn);
  } catch (error) {
    inner.close(undefined);
    throw error;
  }
  if (!isThenable(result)) {
    inner.close(result);
    return result;
  }
  return closeWhenSettled(inner, result) as T;
}

async function closeWhenSettled(inner: Scope, promise: PromiseLike<unknown>): Promise<unknown> {
  let result: unknown;
  try {
    result = await promise;
    return result;
  } finally {
    inner.close(result);
  }
}

/**
 * Takes a tensor out of every scope: it lives until `dispose()`. Gives it back.
 *
 * @example
 * const kept: Tensor[] = [];
 * scope(() => void kept.push(keep(torch.zeros([2, 3]))));
 */
export function keep<T extends Owned>(tensor: T): T {
  kept.add(tensor);
  return tensor;
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

const isOwned = (value: object): value is Owned => typeof (value as Partial<Owned>).dispose === 'function' && 'isDisposed' in value;

function findOwned(value: unknown, found = new Set<unknown>()): Set<unknown> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found;
  found.add(value);
  if (isOwned(value)) return found;
  for (const inner of membersOf(value)) findOwned(inner, found);
  return found;
}

function membersOf(value: object): Iterable<unknown> {
  const tag = Object.prototype.toString.call(value);
  if (tag === '[object Map]' || tag === '[object Set]' || Array.isArray(value)) return (value as Map<unknown, unknown>).values();
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain ? Object.values(value) : [];
}
