interface Merge {
  left: string;
  right: string;
  score: number;
  /** Ids of the parts, then their lengths in code points, for ties. */
  ids: readonly [number, number];
  lengths: readonly [number, number];
}

/**
 * Merges of a BPE that does what sentencepiece does with the scores of its pieces: every way to put a piece together
 * from two others is a merge, pieces of higher score first. Ties go to the longer left part, then to the longer right
 * part, then to the earlier piece and to the lower ids, the order in which transformers converts such a vocabulary.
 * `isMerged` says which ids take part. Cost: one lookup per code point of the vocabulary.
 */
export function mergesFromScores(
  pieces: readonly string[],
  scores: ArrayLike<number>,
  isMerged: (id: number) => boolean,
): [string, string][] {
  const ids = new Map(pieces.flatMap((piece, id) => (isMerged(id) ? [[piece, id] as const] : [])));
  const merges: Merge[] = [];
  for (const [piece, id] of ids) merges.push(...splits(piece, scores[id] ?? 0, ids).sort(byIds));
  merges.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1]);
  return merges.map(({ left, right }) => [left, right]);
}

function splits(piece: string, score: number, ids: ReadonlyMap<string, number>): Merge[] {
  const characters = [...piece];
  const found: Merge[] = [];
  for (let at = 1; at < characters.length; at += 1) {
    const left = characters.slice(0, at).join('');
    const right = characters.slice(at).join('');
    const leftId = ids.get(left);
    const rightId = ids.get(right);
    if (leftId === undefined || rightId === undefined) continue;
    found.push({ left, right, score, ids: [leftId, rightId], lengths: [at, characters.length - at] });
  }
  return found;
}

function byIds(a: Merge, b: Merge): number {
  return a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1];
}
