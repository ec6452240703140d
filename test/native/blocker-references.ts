/** Both blockers over plain arrays, from their definitions. Ids come back sorted, each once. */

/** Hugging Face's rule: whatever followed an earlier occurrence of the last n - 1 tokens. */
export function naiveNoRepeatNgram(history: readonly number[], ngramSize: number): number[] {
  const banned = new Set<number>();
  const matched = ngramSize - 1;
  for (let end = ngramSize; end <= history.length; end++) {
    const before = history.slice(end - ngramSize, end - 1);
    if (before.every((id, i) => id === history[history.length - matched + i])) banned.add(history[end - 1]!);
  }
  return sorted(banned);
}

export interface CitationRule {
  sequences: readonly (readonly number[])[];
  matchLength: number;
  startsWord: readonly number[];
  canonicalIds: readonly number[];
  eosTokenIds: readonly number[];
  waitForWordEnd: boolean;
  banned: 'all' | 'first';
  sequenceEnd: 'ignore' | 'ban-eos';
}

/** The paper's rule: what follows the last `matchLength` tokens anywhere in the training sequences, token units. */
export function naiveCitation(history: readonly number[], rule: CitationRule): number[] {
  const { matchLength: k, canonicalIds: canonical } = rule;
  if (history.length < k) return [];
  const tail = history.slice(history.length - k);
  const occurrences = rule.sequences.flatMap((sequence) =>
    sequence.flatMap((_, start) => (start + k <= sequence.length && tail.every((id, i) => canonical[sequence[start + i]!] === canonical[id]) ? [sequence.slice(start + k)] : [])));
  const counted = rule.banned === 'first' ? occurrences.slice(0, 1) : occurrences;
  const followers = counted.flatMap((rest) => (rest.length > 0 ? [rest[0]!] : rule.sequenceEnd === 'ban-eos' ? rule.eosTokenIds : []));
  return sorted(new Set(followers.filter((id) => !rule.waitForWordEnd || rule.startsWord[id] === 1 || rule.eosTokenIds.includes(id))));
}

function sorted(ids: Set<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}
