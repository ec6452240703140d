import { HyperfitError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { torch } from '../tensor/torch.ts';

/**
 * Makes the weights of `model` the mean over it and the models at `paths`, one after the other, so that two are in memory at a time.
 * Source: Wortsman et al. 2022 (model soups, uniform), arXiv 2203.05482.
 * @param load opens one of them
 * @throws HyperfitError ERR_CONFIG without another model, ERR_MODEL_FILES for one of other parameters, and what `load` throws; the weights
 *   are then of no use
 *
 * @example
 * await averageWeights(model, ['runs/seed-1', 'runs/seed-2'], (path) => Model.load(path));
 * await model.save('average');
 */
export async function averageWeights(model: Model, paths: readonly string[], load: (path: string) => Promise<Model>): Promise<void> {
  if (paths.length === 0) throw new HyperfitError('ERR_CONFIG', 'expected at least two models to average, got one; name another');
  for (const [index, path] of paths.entries()) {
    const other = await load(path);
    try {
      // The mean of n and one more moves 1 / (n + 1) of the way to it.
      moveTowards(model, other, path, 1 / (index + 2));
    } finally {
      other.dispose();
    }
  }
}

function moveTowards(model: Model, other: Model, path: string, share: number): void {
  const [own, others] = [model.parameters(), other.parameters()];
  try {
    const wrong =
      [...own].find(([name, { shape }]) => `${others.get(name)?.shape}` !== `${shape}`)?.[0] ??
      [...others.keys()].find((name) => !own.has(name));
    if (wrong !== undefined) {
      throw new HyperfitError(
        'ERR_MODEL_FILES',
        `expected models of the same parameters to average, got another \`${wrong}\` in ${path}; average runs that began from one model`,
      );
    }
    for (const [name, tensor] of own) torch.call('aten::lerp_', [tensor, others.get(name)!, share]);
  } finally {
    disposeAll([...own.values(), ...others.values()]);
  }
}
