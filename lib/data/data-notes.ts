import { basename } from 'node:path';

/** Something of the data that was not taken as it stands, how often, and where first. */
export interface DataNote {
  /** In plural words that fit "3 empty texts were passed over". */
  what: string;
  count: number;
  first: string;
  /** How many tokens of the documents did not become part of a sequence thereby, where that is known. */
  tokens?: number;
}

/** What reading and cutting data left out or changed, by kind: nothing is dropped in silence. */
export class DataNotes {
  readonly #notes = new Map<string, DataNote>();

  /** Counts `count` more of a kind, met at `source`. */
  add(what: string, source: string, count = 1, tokens?: number): void {
    const note = this.#notes.get(what) ?? { what, count: 0, first: source };
    note.count += count;
    if (tokens !== undefined) note.tokens = (note.tokens ?? 0) + tokens;
    this.#notes.set(what, note);
  }

  get notes(): DataNote[] {
    return [...this.#notes.values()].map((note) => ({ ...note }));
  }
}

/** `388 ends of ... were left out (1,204 tokens, first at novel.txt)`. */
export function renderNote({ what, count, first, tokens }: DataNote): string {
  return `${count.toLocaleString('en')} ${what} (${tokens === undefined ? '' : `${tokens.toLocaleString('en')} tokens, `}first at ${basename(first)})`;
}
