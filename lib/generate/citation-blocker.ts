import { addon } from '../addon.ts';
import type { CitationIndexHandle } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** The open points of the paper's citation blocker (section 4), each with a default. */
export interface CitationBlockerOptions {
  /** Training sequences as token ids; a match never crosses from one to the next. */
  sequences: readonly (Int32Array | readonly number[])[];
  /** Says where words start; without one every token counts as a word, so bans come at once. */
  tokenizer?: Tokenizer | undefined;
  /** Ids in the vocabulary; needed only without a tokenizer. */
  vocabSize?: number;
  /** How many tokens (or words) of context must match before their continuation is forbidden. Default 5, the paper's. */
  matchLength?: number;
  /** What `matchLength` counts. Default `token`. */
  matchUnit?: 'token' | 'word';
  /** Whether the context counts towards the match. Default false: "the last 5 generated tokens". */
  countPrompt?: boolean;
  /** Forbid only what would start a new word, so that words are finished. Default true. */
  waitForWordEnd?: boolean;
  /** Every continuation in the training set, or only that of the first occurrence. Default `all`. */
  banned?: 'all' | 'first';
  /** What a match at the end of a training sequence does. Default `ignore`. */
  sequenceEnd?: 'ignore' | 'ban-eos';
  /** `fold` compares without regard to case and surrounding space. Default `none`. */
  normalization?: 'none' | 'fold';
}

/**
 * Keeps decoding from quoting the training set: when the last `matchLength` generated tokens stand there, the tokens
 * that follow them there are forbidden as soon as the current word is complete. With `matchUnit: 'token'`,
 * `banned: 'all'` and `waitForWordEnd: false` no span of generated tokens shared with the data exceeds `matchLength`;
 * waiting for the word end adds the rest of a word. Source: the hyperfitting paper, arXiv 2412.04318, section 4.
 */
export class CitationBlocker {
  readonly handle: CitationIndexHandle;
  /** E.g. `match:5-tokens,prompt:no,word-end:yes,banned:all,sequence-end:ignore,normalization:none`. */
  readonly signature: string;
  readonly rule: { countPrompt: boolean; waitForWordEnd: boolean; banned: 'all' | 'first'; sequenceEnd: 'ignore' | 'ban-eos' };
  #disposed = false;

  private constructor(handle: CitationIndexHandle, signature: string, rule: CitationBlocker['rule']) {
    this.handle = handle;
    this.signature = signature;
    this.rule = rule;
  }

  /**
   * Builds the index; 16 bytes of memory a training token.
   * @throws HyperfitError ERR_CONFIG without tokenizer and vocabSize, ERR_DATA for ids outside the vocabulary
   */
  static async create(options: CitationBlockerOptions): Promise<CitationBlocker> {
    const { countPrompt = false, waitForWordEnd = true, banned = 'all', sequenceEnd = 'ignore' } = options;
    const { sequences, matchLength = 5, matchUnit = 'token' } = options;
    if (!Number.isInteger(matchLength) || matchLength < 1) {
      throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for \`matchLength\`, got ${matchLength}`);
    }
    const handle = await addon().citationIndexCreate(flatten(sequences), Int32Array.from(sequences, (ids) => ids.length), {
      matchLength,
      matchUnit,
      ...vocabularyOf(options),
      eosTokenIds: Int32Array.from(options.tokenizer?.eosTokenIds ?? []),
    });
    return new CitationBlocker(handle, signatureOf(options), { countPrompt, waitForWordEnd, banned, sequenceEnd });
  }

  /** Ids that would be forbidden after `history`, sorted. */
  bannedAfter(history: Int32Array): Int32Array {
    const { waitForWordEnd, banned, sequenceEnd } = this.rule;
    return addon().citationIndexBanned(this.handle, history, waitForWordEnd, banned, sequenceEnd);
  }

  /** Frees the index; idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    addon().citationIndexDispose(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function signatureOf({ matchLength = 5, matchUnit = 'token', countPrompt = false, waitForWordEnd = true, banned = 'all', sequenceEnd = 'ignore', normalization = 'none' }: CitationBlockerOptions): string {
  return `match:${matchLength}-${matchUnit}s,prompt:${countPrompt ? 'yes' : 'no'},word-end:${waitForWordEnd ? 'yes' : 'no'},banned:${banned},sequence-end:${sequenceEnd},normalization:${normalization}`;
}

function flatten(sequences: readonly (Int32Array | readonly number[])[]): Int32Array {
  const flat = new Int32Array(sequences.reduce((total, ids) => total + ids.length, 0));
  let at = 0;
  for (const ids of sequences) {
    flat.set(ids, at);
    at += ids.length;
  }
  return flat;
}

function vocabularyOf({ tokenizer, vocabSize, normalization = 'none' }: CitationBlockerOptions): { startsWord: Uint8Array; canonicalIds: Int32Array } {
  const size = vocabSize ?? tokenizer?.vocabSize;
  if (size === undefined) {
    throw new HyperfitError('ERR_CONFIG', 'expected `tokenizer` or `vocabSize` for the citation blocker, got neither; pass model.config.vocabSize');
  }
  if (normalization === 'fold' && tokenizer === undefined) {
    throw new HyperfitError('ERR_CONFIG', 'expected a `tokenizer` for `normalization: "fold"`, got none; folding compares texts');
  }
  return {
    startsWord: padTo(tokenizer?.wordStarts() ?? new Uint8Array(0), new Uint8Array(size).fill(1)),
    canonicalIds: padTo(normalization === 'fold' ? tokenizer!.foldedIds() : new Int32Array(0), Int32Array.from({ length: size }, (_, id) => id)),
  };
}

// A model's vocabulary may be larger than its tokenizer's: the ids beyond stand for themselves.
function padTo<A extends Uint8Array | Int32Array>(known: A, whole: A): A {
  whole.set(known.subarray(0, whole.length));
  return whole;
}
