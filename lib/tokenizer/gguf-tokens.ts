import { TOKEN_TYPES } from './gguf-vocabulary.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What is read of a tokenizer.json to say it in GGUF. */
export interface WrittenTokenizer {
  normalizer?: { type?: string; prepend?: string; normalizers?: unknown[] } | null;
  pre_tokenizer?: { type?: string; prepend_scheme?: string; pretokenizers?: unknown[] } | null;
  added_tokens?: { content: string; special?: boolean }[];
  model: {
    type?: string;
    vocab: Record<string, number>;
    merges?: readonly (string | readonly [string, string])[];
    unk_token?: string | null;
    byte_fallback?: boolean;
    ignore_merges?: boolean;
  };
}

/** The tokens of a vocabulary, by id. */
export interface TokenList {
  tokens: string[];
  types: Int32Array;
}

/** Texts that are control tokens whatever their file says (llama.cpp's converter goes by the same). */
const LOOKS_SPECIAL = /^(<pad>|<mask>|<2mass>|\[@BOS@\]|<\|[^]*\|>|<｜[^]*｜>|<unused[^]*>)$/;
const BYTE = /^<0x[0-9A-Fa-f]{2}>$/;

/**
 * Tokens and their types for as many ids as the embedding has rows: holes are unused, those beyond are left out. `isPieces` is a
 * sentencepiece vocabulary, whose bytes and unknown piece have types of their own, and whose added tokens have plain spaces.
 */
export function listTokens(tokenizer: Tokenizer, json: WrittenTokenizer, rows: number, isPieces: boolean): TokenList {
  const added = new Map(
    (json.added_tokens ?? []).map(({ content, special }) => [content, special === true || LOOKS_SPECIAL.test(content)]),
  );
  const types = new Int32Array(rows);
  const tokens = Array.from({ length: rows }, (_, id) => {
    const piece = id < tokenizer.vocabSize ? tokenizer.piece(id) : undefined;
    const type = piece === undefined ? TOKEN_TYPES.unused : typeOf(piece, added, json, isPieces);
    types[id] = type;
    if (piece === undefined) return `[PAD${id}]`;
    return isPieces && type === TOKEN_TYPES.userDefined ? piece.replaceAll('▁', ' ') : piece;
  });
  return { tokens: withoutRepeats(tokens, types), types };
}

function typeOf(piece: string, added: ReadonlyMap<string, boolean>, { model }: WrittenTokenizer, isPieces: boolean): number {
  if (isPieces && piece === model.unk_token) return TOKEN_TYPES.unknown;
  const isSpecial = added.get(piece);
  if (isSpecial !== undefined) return isSpecial ? TOKEN_TYPES.control : TOKEN_TYPES.userDefined;
  return isPieces && BYTE.test(piece) ? TOKEN_TYPES.byte : TOKEN_TYPES.normal;
}

/** A vocabulary may hold the name of a hole already, and a run of spaces both as it is and marked. */
function withoutRepeats(tokens: readonly string[], types: Int32Array): string[] {
  const seen = new Set(tokens.filter((_, id) => types[id] === TOKEN_TYPES.normal || types[id] === TOKEN_TYPES.control));
  return tokens.map((token, id) => {
    if (types[id] !== TOKEN_TYPES.unused && types[id] !== TOKEN_TYPES.userDefined) return token;
    let name = token;
    while (seen.has(name))
      name = types[id] === TOKEN_TYPES.unused ? `${name}_` : name.replaceAll(' ', '▁') === name ? `${name}_` : name.replaceAll(' ', '▁');
    seen.add(name);
    return name;
  });
}

/** Merges as pairs: files hold them as lists, older ones as text with one space. */
export function mergePairs({ model }: WrittenTokenizer): [string, string][] {
  return (model.merges ?? []).map((merge) => {
    if (typeof merge !== 'string') return [merge[0], merge[1]];
    const space = merge.indexOf(' ');
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
}

const NEVER_MERGED = -1e6;
const USER_DEFINED = -1000;

/**
 * Scores by which llama.cpp puts pieces together as the merges do: the earlier a piece is first made, the higher. Pieces that nothing is
 * merged into are characters, bytes and added tokens, whose scores do not count.
 */
export function scoresOfMerges(tokens: readonly string[], types: Int32Array, merges: readonly [string, string][]): Float32Array {
  const ranks = new Map<string, number>();
  for (const [rank, [left, right]] of merges.entries()) if (!ranks.has(left + right)) ranks.set(left + right, rank);
  return Float32Array.from(tokens, (token, id) => {
    if (types[id] === TOKEN_TYPES.userDefined) return USER_DEFINED;
    const rank = ranks.get(token);
    return types[id] !== TOKEN_TYPES.normal || rank === undefined ? NEVER_MERGED : -rank;
  });
}
