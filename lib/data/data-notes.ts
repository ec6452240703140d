/** Something of the data that was not taken as it stands, how often, and where first. */
export interface DataNote {
  /** In plural words that fit "3 empty texts were passed over". */
  what: string;
  count: number;
  first: string;
}

/** What reading and cutting data left out or changed, by kind: nothing is dropped in silence. */
export class DataNotes {
  readonly #notes = new Map<string, DataNote>();

  /** Counts `count` more of a kind, met at `source`. */
  add(what: string, source: string, count = 1): void {
    const note = this.#notes.get(what);
    if (note === undefined) this.#notes.set(what, { what, count, first: source });
    else note.count += count;
  }

  get notes(): DataNote[] {
    return [...this.#notes.values()].map((note) => ({ ...note }));
  }
}
