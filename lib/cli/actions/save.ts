import { given } from '../../config/given.ts';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { checkPrompts, compareIds, greedyIds } from '../../model/greedy-check.ts';
import { Model } from '../../model/model.ts';
import type { SavedModel } from '../../model/save-model.ts';
import { cardOf } from '../../run/run-card.ts';
import type { SaveOptions } from '../commands/save.ts';
import { resolveComputing, withModel } from '../load-model.ts';
import { Output } from '../output.ts';

/** What a smaller type changed of greedy continuations. */
export interface GreedyCheck {
  texts: number;
  same: number;
  firstDifference: number | null;
}

export async function save(options: SaveOptions): Promise<void> {
  const output = new Output(options);
  const { out, dtype, maxShardSize, overwrite = false } = options;
  const { saved, prompts, expected } = await withModel(options, output, async (model) => {
    const openings = dtype === 'float32' ? [] : checkPrompts(model);
    const ids = openings.length === 0 ? [] : await greedyIds(model, openings);
    return {
      saved: await model.save(out, { dtype, overwrite, ...given({ maxShardSize, card: await cardOf(model.path) }) }),
      prompts: openings,
      expected: ids,
    };
  });
  const greedy = prompts.length === 0 ? null : await checkSaved(out, prompts, expected, options);
  output.result({ schemaVersion: 1, folder: out, ...saved, greedy }, () => renderSaved(out, saved, greedy));
}

/** The saved folder is loaded as anybody would, once the original has gone. */
async function checkSaved(
  folder: string,
  prompts: Parameters<typeof greedyIds>[1],
  expected: number[][],
  options: SaveOptions,
): Promise<GreedyCheck> {
  const model = await Model.load(await resolveModelPath(folder), resolveComputing(options));
  try {
    return compareIds(expected, await greedyIds(model, prompts));
  } finally {
    model.dispose();
  }
}

export function renderSaved(folder: string, { files, bytes, dtype, rounding }: SavedModel, greedy: GreedyCheck | null): string {
  const lines = [
    `saved ${folder}: ${dtype}, ${(bytes / 1e6).toFixed(1)} MB in ${files.length === 1 ? files[0] : `${files.length - 1} shards`}`,
  ];
  if (rounding !== null) {
    const same =
      greedy === null
        ? ''
        : `; greedy ids are the same in ${greedy.same} of ${greedy.texts} texts${greedy.firstDifference === null ? '' : `, the first other one after ${greedy.firstDifference} tokens`}`;
    lines.push(`rounding changed a weight by ${percent(rounding.mean)} in the mean and ${percent(rounding.largest)} at most${same}`);
  }
  return lines.join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toPrecision(2)} %`;
}
