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
  matchUnit: 'token' | 'word';
  startsWord: readonly number[];
  canonicalIds: readonly number[];
  eosTokenIds: readonly number[];
  waitForWordEnd: boolean;
  banned: 'all' | 'first';
  sequenceEnd: 'ignore' | 'ban-eos';
}

/** The paper's rule: what follows the last `matchLength` tokens or words anywhere in the training sequences. */
export function naiveCitation(history: readonly number[], rule: CitationRule): number[] {
  const context = lastUnits(history, rule);
  if (context === undefined) return [];
  const isMatch = (before: readonly number[], next: number | undefined): boolean => {
    const endsWord = rule.matchUnit === 'token' || next === undefined || rule.startsWord[next] === 1;
    return endsWord && lastUnits(before, rule)?.join() === context.join();
  };
  const followers = rule.sequences.flatMap((sequence) =>
    [...sequence, undefined].filter((next, end) => isMatch(sequence.slice(0, end), next)),
  );
  const counted = rule.banned === 'first' ? followers.slice(0, 1) : followers;
  return sorted(new Set(counted.flatMap((next) => (next === undefined ? endBan(rule) : idsLike(next, rule)))));
}

/** The last `matchLength` units in canonical ids; undefined when there are fewer. */
function lastUnits(tokens: readonly number[], { matchLength, matchUnit, startsWord, canonicalIds }: CitationRule): number[] | undefined {
  const starts = tokens.flatMap((id, at) => (matchUnit === 'token' || startsWord[id] === 1 ? [at] : []));
  const start = starts[starts.length - matchLength];
  return start === undefined ? undefined : tokens.slice(start).map((id) => canonicalIds[id]!);
}

/** Every id that counts as the same token; under waitForWordEnd only those that would start a new word. */
function idsLike(next: number, { canonicalIds, startsWord, waitForWordEnd }: CitationRule): number[] {
  return canonicalIds.flatMap((canonical, id) =>
    canonical === canonicalIds[next] && (!waitForWordEnd || startsWord[id] === 1) ? [id] : [],
  );
}

function endBan({ sequenceEnd, eosTokenIds }: CitationRule): readonly number[] {
  return sequenceEnd === 'ban-eos' ? eosTokenIds : [];
}

function sorted(ids: Set<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}
