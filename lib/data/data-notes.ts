import { basename } from 'node:path';

/** Something of the data that was not taken as it stands, how often, and where first. */
export interface DataNote {
  /** In plural words that fit "3 empty texts were passed over". */
  what: string;
  /** How many there are. */
  count: number;
  /** Where it was first seen. */
  first: string;
  /** How many tokens of the documents did not become part of a sequence thereby, where that is known. */
  tokens?: number;
}

/**
 * What reading and cutting data left out or changed, by kind: nothing is dropped in silence.
 *
 * @example
 * const notes = new DataNotes();
 * const { sequences: passages } = await cutDocuments(streamDocuments('novel.txt', notes), tokenizer, { sequenceLength: 128 }, notes);
 * for (const { what, count, first } of notes.notes) console.log(count, what, first);
 */
export class DataNotes {
  readonly #notes = new Map<string, DataNote>();
  /** Whether a prompt without its completion is a document: it is when prompts are to be continued, and there is nothing in it to learn. */
  readonly takesPromptsAlone: boolean;

  constructor({ takesPromptsAlone = false } = {}) {
    this.takesPromptsAlone = takesPromptsAlone;
  }

  /** Counts `count` more of a kind, met at `source`. */
  add(what: string, source: string, count = 1, tokens?: number): void {
    const note = this.#notes.get(what) ?? { what, count: 0, first: source };
    note.count += count;
    if (tokens !== undefined) note.tokens = (note.tokens ?? 0) + tokens;
    this.#notes.set(what, note);
  }

  /** What was left out or looks amiss. */
  get notes(): DataNote[] {
    return [...this.#notes.values()].map((note) => ({ ...note }));
  }
}

/** `388 texts were left out, ... (1,204 tokens, first at novel.txt)`. */
export function renderNote({ what, count, first, tokens }: DataNote): string {
  const place = `${count === 1 ? '' : 'first '}at ${basename(first)}`;
  return `${count.toLocaleString('en')} ${count === 1 ? inSingular(what) : what} (${tokens === undefined ? '' : `${tokens.toLocaleString('en')} tokens, `}${place})`;
}

/** What follows the noun of a note in the singular. */
const SINGULAR: Readonly<Record<string, string>> = {
  were: 'was',
  are: 'is',
  hold: 'holds',
  end: 'ends',
  stand: 'stands',
  their: 'its',
  them: 'it',
};

/** A note's words about one: its first plural noun, and each verb that belongs to it. */
function inSingular(what: string): string {
  const noun = what.replace(/\b([a-z]+)s\b/, '$1');
  return noun.replace(/\b(were|are|hold|end|stand|their|them)\b/g, (word) => SINGULAR[word]!);
}
