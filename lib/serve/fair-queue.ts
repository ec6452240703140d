/** The items of one request. */
interface Lane<T> {
  items: T[];
}

/**
 * A queue in which nobody waits for another's many: clients take turns, and so do the requests of one client. A request's own items keep
 * their order.
 */
export class FairQueue<T> {
  /** Each client's requests, the client and the request whose turn is next in front. */
  readonly #clients = new Map<string, Lane<T>[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds the items of one request. */
  add(client: string, items: readonly T[]): void {
    if (items.length === 0) return;
    this.#clients.set(client, [...(this.#clients.get(client) ?? []), { items: [...items] }]);
    this.#size += items.length;
  }

  /** Whose turn it is; undefined when nobody waits. */
  take(): T | undefined {
    const next = this.#clients.entries().next();
    if (next.done === true) return undefined;
    const [client, [lane, ...others]] = next.value as [string, [Lane<T>, ...Lane<T>[]]];
    const item = lane.items.shift()!;
    this.#size -= 1;
    // Behind the others: a map keeps the order of insertion.
    this.#clients.delete(client);
    const left = lane.items.length > 0 ? [...others, lane] : others;
    if (left.length > 0) this.#clients.set(client, left);
    return item;
  }

  /** Takes an item out; false where it does not wait. */
  remove(item: T): boolean {
    for (const [client, lanes] of this.#clients) {
      const lane = lanes.find(({ items }) => items.includes(item));
      if (lane === undefined) continue;
      lane.items.splice(lane.items.indexOf(item), 1);
      this.#size -= 1;
      const left = lanes.filter(({ items }) => items.length > 0);
      if (left.length > 0) this.#clients.set(client, left);
      else this.#clients.delete(client);
      return true;
    }
    return false;
  }
}
