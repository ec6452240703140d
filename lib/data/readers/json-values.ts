import { MOST_LEVELS } from '../../json-depth.ts';
import { MAX_LINE_LENGTH } from './lines.ts';
import { formatBytes, refuseData } from './refusal.ts';

/** The text of one value. */
export interface JsonValue {
  text: string;
  /** An item of the list that the file is, rather than a value that stands by itself. */
  isItem: boolean;
}

/**
 * The items of a JSON list, or values that stand behind each other, as text, from pieces: a list of any length takes the memory of
 * its longest item. What an item says is left to the parser.
 * @throws HyperfitError ERR_DATA for a list that does not end, or is followed by more, and for an item longer than `limit` characters
 */
export async function* splitJsonValues(pieces: AsyncIterable<string>, path: string, limit = MAX_LINE_LENGTH): AsyncGenerator<JsonValue> {
  let splitter: JsonSplitter | undefined;
  for await (const piece of pieces) {
    const start = splitter === undefined ? piece.trimStart() : piece;
    if (start === '') continue;
    const isList = splitter === undefined && start.startsWith('[');
    splitter ??= new JsonSplitter(isList, path, limit);
    yield* splitter.push(isList ? start.slice(1) : start);
  }
  if (splitter !== undefined) yield* splitter.end();
}

// Where a value may end. Within strings only their own end counts.
const SIGNS = /["[\]{},\s]/g;
const STRING_SIGNS = /["\\]/g;

class JsonSplitter {
  readonly #isList: boolean;
  readonly #path: string;
  readonly #limit: number;
  #begun: string[] = [];
  #length = 0;
  /** Brackets open within the value at hand. */
  #depth = 0;
  #inString = false;
  /** The last piece ended with the backslash before what comes next. */
  #isEscaped = false;
  #commas = 0;
  #isClosed = false;

  constructor(isList: boolean, path: string, limit: number) {
    this.#isList = isList;
    this.#path = path;
    this.#limit = limit;
  }

  *push(piece: string): Generator<JsonValue> {
    let from = 0;
    let at = this.#isEscaped ? 1 : 0;
    this.#isEscaped = false;
    for (at = this.#find(piece, at); at !== -1; at = this.#find(piece, at)) {
      const sign = piece[at]!;
      at += 1;
      if (this.#inString && sign === '\\') {
        this.#isEscaped = at === piece.length;
        at += 1;
        continue;
      }
      if (sign === '"') this.#inString = !this.#inString;
      const cut = sign === '"' ? undefined : this.#cutAt(sign);
      if (cut === undefined) continue;
      this.#keep(piece.slice(from, cut === 'after' ? at : at - 1));
      from = at;
      yield* this.#flush(sign);
    }
    this.#keep(piece.slice(from));
  }

  *end(): Generator<JsonValue> {
    if (!this.#isList) return yield* this.#flush('');
    if (!this.#isClosed)
      throw refuseData('a whole JSON list', `one that does not end in ${this.#path}`, 'fetch the file again, or close the list');
    if (this.#begun.join('').trim() !== '')
      throw refuseData(
        'one JSON list',
        `more behind it in ${this.#path}`,
        'put all rows into one list, or each on a line of a .jsonl file',
      );
  }

  #find(piece: string, from: number): number {
    const signs = this.#inString ? STRING_SIGNS : SIGNS;
    signs.lastIndex = from;
    return signs.test(piece) ? signs.lastIndex - 1 : -1;
  }

  /** Whether the value at hand ends before or with this sign. */
  #cutAt(sign: string): 'before' | 'after' | undefined {
    if (sign === '[' || sign === '{') this.#depth += 1;
    if (this.#depth > MOST_LEVELS)
      throw refuseData(
        `values of at most ${MOST_LEVELS} objects and lists within each other`,
        `deeper ones in ${this.#path}`,
        'write them flat',
      );
    const isDeep = this.#depth > 0;
    if (isDeep && (sign === ']' || sign === '}')) {
      this.#depth -= 1;
      return this.#depth === 0 && !this.#isList ? 'after' : undefined;
    }
    if (isDeep || this.#isClosed) return undefined;
    if (!this.#isList) return sign.trim() === '' ? 'before' : undefined;
    this.#isClosed = sign === ']';
    return sign === ',' || sign === ']' ? 'before' : undefined;
  }

  #keep(part: string): void {
    if (part === '') return;
    this.#begun.push(part);
    this.#length += part.length;
    if (this.#length > this.#limit)
      throw refuseData(`values of at most ${formatBytes(this.#limit)}`, `a longer one in ${this.#path}`, 'split it');
  }

  *#flush(sign: string): Generator<JsonValue> {
    const text = this.#begun.join('').trim();
    this.#begun = [];
    this.#length = 0;
    if (sign === ',') this.#commas += 1;
    // Nothing between commas is a fault of its row, and nothing between values is nothing.
    if (text !== '' || (this.#isList && (sign === ',' || this.#commas > 0))) yield { text, isItem: this.#isList };
  }
}
