import type { AddedToken } from './added-tokens.ts';
import type { JsonFile } from './special-tokens.ts';

/**
 * A tokenizer.json that takes the special tokens of `text`, another one, for plain text (`split_special_tokens`). Those outside the
 * vocabulary leave their places to names that no text holds, so that the other added tokens keep their ids.
 */
export function withoutSpecialTokens(text: string): string {
  const tokenizer = JSON.parse(text) as JsonFile & { added_tokens: AddedToken[]; model: { vocab: unknown } };
  const special = new Set(tokenizer.added_tokens.filter((token) => token.special).map(({ content }) => content));
  const known = vocabularyOf(tokenizer.model.vocab);
  const added = tokenizer.added_tokens.flatMap((token) => {
    if (!special.has(token.content)) return [token];
    return known.has(token.content) ? [] : [{ ...token, content: `\u{10ffff}${token.content}`, special: false, normalized: false }];
  });
  return JSON.stringify({ ...tokenizer, added_tokens: added });
}

function vocabularyOf(vocab: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(vocab) ? (vocab as [string, number][]).map(([token]) => token) : Object.keys(vocab as object));
}

const ENGLISH: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Takes away spaces that word-wise tokenizers put before punctuation (`clean_up_tokenization_spaces`). */
export function cleanUpSpaces(text: string): string {
  return ENGLISH.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);
}
