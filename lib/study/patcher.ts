import type { Model } from '../model/model.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { addRanks, disposeFactors, factoriseUpdate, isWithin, layerOfMatrix, type UpdateFactors } from '../run/update-factors.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import type { Patch, TrainedWeights } from './cell.ts';
import type { Laboratory } from './laboratory.ts';

/** Makes the original model with a part of an update. Decomposing one takes a minute, so that of the last training is kept. */
export class Patcher {
  readonly #laboratory: Pick<Laboratory, 'load' | 'originalPath' | 'pathOf' | 'onWork'>;
  #kept: { path: string; ranks: number; factors: UpdateFactors } | undefined;

  constructor(laboratory: Pick<Laboratory, 'load' | 'originalPath' | 'pathOf' | 'onWork'>) {
    this.#laboratory = laboratory;
  }

  async patched(weights: TrainedWeights, patch: Patch): Promise<Model> {
    const { rank, tables, layers, scale } = patch;
    const matrices = rank === null || rank === 0 ? [] : (await this.factorsOf(weights, rank)).matrices;
    const model = await this.#laboratory.load(this.#laboratory.originalPath);
    try {
      if (rank !== null) addRanks(model, matrices, [0, rank], { scale, layers });
      if (rank === null || tables) await this.#addWhole(model, weights, patch);
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** The decomposed update of a training, up to at least `ranks`. */
  async factorsOf(weights: TrainedWeights, ranks: number): Promise<UpdateFactors> {
    const path = this.#laboratory.pathOf(weights);
    if (this.#kept?.path === path && this.#kept.ranks >= ranks) return this.#kept.factors;
    this.release();
    const [base, trained] = [await this.#laboratory.load(this.#laboratory.originalPath), await this.#laboratory.load(path)];
    try {
      const factors = await factoriseUpdate(trained, base, ranks, (message) => this.#laboratory.onWork(message, 0, 1));
      this.#kept = { path, ranks, factors };
      return factors;
    } finally {
      base.dispose();
      trained.dispose();
    }
  }

  release(): void {
    if (this.#kept !== undefined) disposeFactors(this.#kept.factors.matrices);
    this.#kept = undefined;
  }

  async #addWhole(model: Model, weights: TrainedWeights, patch: Patch): Promise<void> {
    const trained = await this.#laboratory.load(this.#laboratory.pathOf(weights));
    const [before, after] = [model.parameters(), trained.parameters()];
    try {
      for (const [name, tensor] of before) if (isAddedWhole(name, tensor, patch)) addDifference(tensor, after.get(name)!, patch.scale);
    } finally {
      disposeAll([...before.values(), ...after.values()]);
      trained.dispose();
    }
  }
}

function isAddedWhole(name: string, tensor: Tensor, { rank, layers, tables }: Patch): boolean {
  const layer = layerOfMatrix(name, tensor.shape);
  return layer === undefined ? tables : rank === null && isWithin(layer, layers);
}

function addDifference(tensor: Tensor, after: Tensor, scale: number): void {
  scope(() => torch.call('aten::add_', [tensor, after.sub(tensor)], { alpha: scale }));
}
