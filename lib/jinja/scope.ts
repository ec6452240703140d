import { orElse, Undefined, type Value } from './values.ts';
import { stringRepr } from './printing.ts';

/** Names and their values, within those of an outer scope. */
export class Scope {
  readonly #names: Map<string, Value>;
  readonly #outer: Scope | undefined;
  /** Whether it is one round of a loop. */
  readonly isLoop: boolean;
  /** Of a round: whether it is known which message it goes through. */
  hasTurn = false;

  constructor(outer?: Scope, names: ReadonlyMap<string, Value> = new Map(), isLoop = false) {
    this.#outer = outer;
    this.#names = new Map(names);
    this.isLoop = isLoop;
  }

  get(name: string): Value {
    return orElse(this.#find(name), () => new Undefined(`${stringRepr(name)} is undefined`));
  }

  #find(name: string): Value | undefined {
    const value = this.#names.get(name);
    return value === undefined && this.#outer !== undefined ? this.#outer.#find(name) : value;
  }

  /** Only here: what an outer scope has stays as it is. */
  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}
