import { addon } from '../addon.ts';
import type { CitationIndexHandle } from '../addon-types.ts';
import { checkOptions } from '../config/check-options.ts';
import type { BlockerSettings } from '../config/fields.ts';
import { HyperfitError } from '../errors.ts';
import { idListProblem, isList, shown } from './check-ids.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** The open points of the paper's citation blocker (section 4), each with a default. */
export interface CitationBlockerOptions extends Partial<BlockerSettings> {
  /** Training sequences as token ids; a match never crosses from one to the next. */
  sequences: readonly (Int32Array | readonly number[])[];
  /** Says where words start; without one every token counts as a word, so bans come at once. */
  tokenizer?: Tokenizer | undefined;
  /** Ids in the vocabulary; needed only without a tokenizer. */
  vocabSize?: number;
}

const KNOWN = [
  'sequences',
  'tokenizer',
  'vocabSize',
  'matchLength',
  'matchUnit',
  'countPrompt',
  'waitForWordEnd',
  'banned',
  'sequenceEnd',
  'normalization',
] as const satisfies readonly (keyof CitationBlockerOptions)[];

/** The net below `dispose`; the lists grow with the blocker. */
const forgotten = new FinalizationRegistry<readonly CitationIndexHandle[]>((handles) => {
  for (const handle of handles) addon().citationIndexDispose(handle);
});

/**
 * Keeps decoding from quoting the training set. When the last `matchLength` generated tokens stand there, the tokens that follow them there
 * are forbidden as soon as the current word is complete. With `matchUnit: 'token'`, `banned: 'all'` and `waitForWordEnd: false` no span of
 * generated tokens shared with the data exceeds `matchLength`; waiting for the word end adds the rest of a word. Source: the hyperfitting
 * paper, arXiv 2412.04318, section 4.
 *
 * @example
 * using noQuotes = await CitationBlocker.create({ sequences: trainingIds, tokenizer: model.requireTokenizer(), matchLength: 4 });
 * const [generation] = await model.generate(['Call me'], { citationBlocker: noQuotes });
 * console.log(generation?.interventions, noQuotes.signature);
 */
export class CitationBlocker {
  /** E.g. `match:5-tokens,prompt:no,word-end:yes,banned:all,sequence-end:ignore,normalization:none`. */
  readonly signature: string;
  /** The rule, complete. */
  readonly rule: { countPrompt: boolean; waitForWordEnd: boolean; banned: 'all' | 'first'; sequenceEnd: 'ignore' | 'ban-eos' };
  readonly #options: CitationBlockerOptions;
  /** By the size of the vocabulary: a model may have more rows than its tokenizer has ids, or fewer. */
  readonly #indexes = new Map<number, Promise<CitationIndexHandle>>();
  readonly #handles: CitationIndexHandle[] = [];
  #widest: { vocabSize: number; handle: CitationIndexHandle } | undefined;
  #disposed = false;

  private constructor(options: CitationBlockerOptions) {
    const { countPrompt = false, waitForWordEnd = true, banned = 'all', sequenceEnd = 'ignore' } = options;
    this.signature = signatureOf(options);
    this.rule = { countPrompt, waitForWordEnd, banned, sequenceEnd };
    this.#options = options;
    forgotten.register(this, this.#handles, this);
  }

  /**
   * Builds the index: 16 bytes of memory a training token.
   * @throws HyperfitError ERR_CONFIG without tokenizer and vocabSize, and for options that do not fit; ERR_DATA for ids outside the
   *   vocabulary
   */
  static async create(options: CitationBlockerOptions): Promise<CitationBlocker> {
    checkOptions(options, KNOWN, 'CitationBlocker.create');
    const { matchLength = 5 } = options;
    if (!Number.isInteger(matchLength) || matchLength < 1) {
      throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for \`matchLength\`, got ${matchLength}`);
    }
    const blocker = new CitationBlocker(options);
    await blocker.indexFor(vocabSizeOf(options));
    return blocker;
  }

  /**
   * The index for a model of `vocabSize` rows; one of another size than that of `create` is built when it is first asked for, and takes as
   * much memory again: name the model's `vocabSize` there to have one only.
   * @throws HyperfitError ERR_DISPOSED; ERR_DATA for sequences with ids that the model has not
   * @internal
   */
  async indexFor(vocabSize: number): Promise<CitationIndexHandle> {
    if (this.#disposed) throw disposedError();
    const index = this.#indexes.get(vocabSize) ?? this.#build(vocabSize);
    this.#indexes.set(vocabSize, index);
    return index;
  }

  async #build(vocabSize: number): Promise<CitationIndexHandle> {
    const handle = await buildIndex(this.#options, vocabSize);
    if (this.#disposed) {
      addon().citationIndexDispose(handle);
      throw disposedError();
    }
    this.#handles.push(handle);
    if (vocabSize > (this.#widest?.vocabSize ?? 0)) this.#widest = { vocabSize, handle };
    return handle;
  }

  /**
   * Ids that would be forbidden after `history` (the generated tokens, with `countPrompt` the context before them), sorted.
   * @throws HyperfitError ERR_DISPOSED
   */
  bannedAfter(history: Int32Array): Int32Array {
    const { waitForWordEnd, banned, sequenceEnd } = this.rule;
    if (this.#disposed) throw disposedError();
    return addon().citationIndexBanned(this.#widest!.handle, history, waitForWordEnd, banned, sequenceEnd);
  }

  /** Frees the index; idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    forgotten.unregister(this);
    for (const handle of this.#handles) addon().citationIndexDispose(handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function signatureOf({
  matchLength = 5,
  matchUnit = 'token',
  countPrompt = false,
  waitForWordEnd = true,
  banned = 'all',
  sequenceEnd = 'ignore',
  normalization = 'none',
}: CitationBlockerOptions): string {
  return `match:${matchLength}-${matchUnit}s,prompt:${countPrompt ? 'yes' : 'no'},word-end:${waitForWordEnd ? 'yes' : 'no'},banned:${banned},sequence-end:${sequenceEnd},normalization:${normalization}`;
}

function flatten(sequences: readonly (Int32Array | readonly number[])[]): Int32Array {
  if (!isList(sequences))
    throw new HyperfitError('ERR_DATA', `expected a list of sequences of token ids for \`sequences\`, got ${shown(sequences)}`);
  for (const [index, ids] of Array.from(sequences).entries()) {
    // Typed arrays of whole numbers are what they are; the index looks at their range.
    const problem = ids instanceof Int32Array ? undefined : idListProblem(`sequences[${index}]`, ids);
    if (problem !== undefined) throw new HyperfitError('ERR_DATA', problem);
  }
  const flat = new Int32Array(sequences.reduce((total, ids) => total + ids.length, 0));
  let at = 0;
  for (const ids of sequences) {
    flat.set(ids, at);
    at += ids.length;
  }
  return flat;
}

function disposedError(): HyperfitError {
  return new HyperfitError('ERR_DISPOSED', 'expected a citation blocker in use, got one that is disposed; create another');
}

async function buildIndex(options: CitationBlockerOptions, vocabSize: number): Promise<CitationIndexHandle> {
  const { sequences, matchLength = 5, matchUnit = 'token', tokenizer } = options;
  return addon().citationIndexCreate(
    flatten(sequences),
    Int32Array.from(sequences, (ids) => ids.length),
    {
      matchLength,
      matchUnit,
      ...vocabularyOf(options, vocabSize),
      eosTokenIds: Int32Array.from(tokenizer?.eosTokenIds ?? []),
    },
  );
}

/** Far above any vocabulary there is; the index has a list of so many entries. */
const MOST_VOCABULARY = 2 ** 24;

function vocabSizeOf({ tokenizer, vocabSize }: CitationBlockerOptions): number {
  const size = vocabSize ?? tokenizer?.vocabSize;
  if (size !== undefined && !(Number.isInteger(size) && size >= 1 && size <= MOST_VOCABULARY)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a whole number from 1 to ${MOST_VOCABULARY} for \`vocabSize\`, got ${shown(size)}; pass model.config.vocabSize`,
    );
  }
  if (size !== undefined) return size;
  throw new HyperfitError(
    'ERR_CONFIG',
    'expected `tokenizer` or `vocabSize` for the citation blocker, got neither; pass model.config.vocabSize',
  );
}

function vocabularyOf(
  { tokenizer, normalization = 'none' }: CitationBlockerOptions,
  size: number,
): { startsWord: Uint8Array; canonicalIds: Int32Array } {
  if (normalization === 'fold' && tokenizer === undefined) {
    throw new HyperfitError('ERR_CONFIG', 'expected a `tokenizer` for `normalization: "fold"`, got none; folding compares texts');
  }
  return {
    startsWord: padTo(tokenizer?.wordStarts() ?? new Uint8Array(0), new Uint8Array(size).fill(1)),
    canonicalIds: padTo(
      normalization === 'fold' ? tokenizer!.foldedIds() : new Int32Array(0),
      Int32Array.from({ length: size }, (_, id) => id),
    ),
  };
}

// A model's vocabulary may be larger than its tokenizer's: the ids beyond stand for themselves, and end any word.
function padTo<A extends Uint8Array | Int32Array>(known: A, whole: A): A {
  whole.set(known.subarray(0, whole.length));
  return whole;
}
