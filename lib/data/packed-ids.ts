/** Small enough that a few ids that are kept do not keep much memory with them. */
const CHUNK = 1 << 14;

/** Lays short arrays behind each other in shared memory: of a million lines of text, an array each would take more than their ids. */
export class PackedIds {
  #chunk = new Int32Array(0);
  #used = 0;

  /** The same numbers; long arrays are given back as they are. */
  pack(ids: Int32Array): Int32Array {
    if (ids.length > CHUNK / 8) return ids;
    if (this.#used + ids.length > this.#chunk.length) {
      this.#chunk = new Int32Array(CHUNK);
      this.#used = 0;
    }
    const packed = this.#chunk.subarray(this.#used, this.#used + ids.length);
    packed.set(ids);
    this.#used += ids.length;
    return packed;
  }
}
