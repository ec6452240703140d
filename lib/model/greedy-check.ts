import type { Prompt } from '../generate/prompts.ts';
import type { Model } from './model.ts';

export const CHECK_TOKENS = 48;
const OPENINGS = ['Once upon a time', 'The old house at the end of the street', 'In the beginning', 'She opened the letter and'];

/** A few beginnings for any model: texts, or ids of one that has no tokenizer. */
export function checkPrompts({ tokenizer, config }: Pick<Model, 'tokenizer' | 'config'>): Prompt[] {
  if (tokenizer !== undefined) return OPENINGS;
  const most = Math.min(config.vocabSize, config.outputVocabSize);
  return OPENINGS.map((_, row) => Int32Array.from({ length: 4 }, (_each, column) => (3 + 7 * row + 5 * column) % most));
}

/** What a model writes greedily after them, as ids. */
export async function greedyIds(model: Model, prompts: readonly Prompt[], maxNewTokens = CHECK_TOKENS): Promise<number[][]> {
  const room = Math.max(1, Math.min(maxNewTokens, model.config.maxPositionEmbeddings - 32));
  return (await model.generate(prompts, { maxNewTokens: room })).map(({ ids }) => Array.from(ids));
}

/** How many of the texts are the same to the last id, and after how many tokens the first other one comes. */
export function compareIds(
  expected: readonly (readonly number[])[],
  got: readonly (readonly number[])[],
): { texts: number; same: number; firstDifference: number | null } {
  const places = expected
    .map((ids, row) => ids.findIndex((id, at) => got[row]![at] !== id))
    .map((at, row) => (at === -1 && got[row]!.length !== expected[row]!.length ? expected[row]!.length : at));
  const others = places.filter((at) => at !== -1);
  return {
    texts: expected.length,
    same: expected.length - others.length,
    firstDifference: others.length === 0 ? null : Math.min(...others),
  };
}
