import { IGNORE_INDEX } from './batch.ts';

/**
 * A line of train.jsonl. `labels`, as in Hugging Face, stand beside `ids`: the id itself where it is learnt, -100 elsewhere; without them
 * every token is.
 */
export interface IdsLine {
  ids: number[];
  labels?: number[];
}

/** Ids and what of them is learnt, to be written down. Targets that are no next tokens, as those of images, have no labels. */
export function toIdsLine({ ids, targets }: { ids: Int32Array; targets?: Int32Array | undefined }): IdsLine {
  const line = { ids: Array.from(ids) };
  if (targets === undefined || !areNextTokens(targets, ids)) return line;
  return { ...line, labels: [IGNORE_INDEX, ...Array.from(targets.subarray(0, -1))] };
}

function areNextTokens(targets: Int32Array, ids: Int32Array): boolean {
  return targets.every((target, at) => target === IGNORE_INDEX || target === ids[at + 1]);
}

/** Of each id whether it is learnt after those before it; undefined where all are. */
export function learntTokens(ids: Int32Array, targets: Int32Array | undefined): boolean[] | undefined {
  if (targets === undefined) return undefined;
  return Array.from(ids, (id, at) => at > 0 && targets[at - 1] === id);
}
