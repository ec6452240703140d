import { Callable, HelperObject, orElse, Undefined, type Value } from './values.ts';
import { equals, fail } from './operators.ts';

/** What `loop` is inside of a `for`. */
export class LoopContext extends HelperObject {
  readonly typeName = 'LoopContext';
  readonly #items: readonly Value[];
  readonly #depth0: number;
  readonly #recurse: ((items: Value, depth: number) => string) | undefined;
  #lastChanged: readonly Value[] | undefined;
  index0 = 0;

  constructor(items: readonly Value[], depth0: number, recurse: ((items: Value, depth0: number) => string) | undefined) {
    super();
    [this.#items, this.#depth0, this.#recurse] = [items, depth0, recurse];
  }

  attribute(name: string): Value | undefined {
    const { index0 } = this;
    const { length } = this.#items;
    switch (name) {
      case 'index0':
        return BigInt(index0);
      case 'index':
        return BigInt(index0 + 1);
      case 'revindex0':
        return BigInt(length - index0 - 1);
      case 'revindex':
        return BigInt(length - index0);
      case 'first':
        return index0 === 0;
      case 'last':
        return index0 === length - 1;
      case 'length':
        return BigInt(length);
      case 'depth0':
        return BigInt(this.#depth0);
      case 'depth':
        return BigInt(this.#depth0 + 1);
      case 'previtem':
        return orElse(this.#items[index0 - 1], () => new Undefined('there is no previous item'));
      case 'nextitem':
        return orElse(this.#items[index0 + 1], () => new Undefined('there is no next item'));
      case 'cycle':
        return new Callable(name, (items) => orElse(items[index0 % items.length], () => fail('no items to cycle')), 'method');
      case 'changed':
        return new Callable(name, (values) => this.#isChanged(values), 'method');
      case '__repr__':
        return `<LoopContext ${index0 + 1}/${length}>`;
      default:
        return undefined;
    }
  }

  override call([items]: readonly Value[]): Value {
    if (this.#recurse === undefined) fail("The loop must have the 'recursive' marker to be called recursively.");
    return this.#recurse!(items ?? fail('loop() missing 1 required positional argument'), this.#depth0 + 1);
  }

  #isChanged(values: readonly Value[]): boolean {
    const last = this.#lastChanged;
    this.#lastChanged = values;
    return last === undefined || last.length !== values.length || !last.every((value, index) => equals(value, values[index]!));
  }
}
