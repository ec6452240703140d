/**
 * Gives every distinct pair of whole numbers (32 bits each) a number of its own, 0, 1, 2 and so on. An open-addressing table: 16 to 32
 * bytes a pair, and no limit at the 16.7 million entries of a Map.
 */
export class PairNumbers {
  /** A number plus 1 each, 0 where free; twice as many as there are places for pairs. */
  #slots = new Int32Array(64);
  #lefts = new Int32Array(32);
  #rights = new Int32Array(32);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  of(left: number, right: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashPair(left, right) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot]! - 1;
      if (number < 0) return this.#add(slot, left, right);
      if (this.#lefts[number] === left && this.#rights[number] === right) return number;
    }
  }

  #add(slot: number, left: number, right: number): number {
    if (this.#size === this.#lefts.length) {
      this.#grow();
      return this.of(left, right);
    }
    this.#lefts[this.#size] = left;
    this.#rights[this.#size] = right;
    this.#size += 1;
    this.#slots[slot] = this.#size;
    return this.#size - 1;
  }

  #grow(): void {
    this.#lefts = doubled(this.#lefts);
    this.#rights = doubled(this.#rights);
    this.#slots = new Int32Array(2 * this.#slots.length);
    const mask = this.#slots.length - 1;
    for (let number = 0; number < this.#size; number += 1) {
      let slot = hashPair(this.#lefts[number]!, this.#rights[number]!) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = number + 1;
    }
  }
}

/** The same values, and as many zeros after them. */
export function doubled(values: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(2 * values.length);
  longer.set(values);
  return longer;
}

/** Odd multipliers, the high bits folded into the low ones that choose a slot. */
function hashPair(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  const again = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return again ^ (again >>> 13);
}
