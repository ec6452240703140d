import { dirname } from 'node:path';
import { writeFolder } from '../checkpoint/atomic-folder.ts';
import { NgramNumbers } from '../evaluate/ngrams.ts';
import { typeTokenRatio } from '../evaluate/type-token-ratio.ts';
import { makeFolder } from '../folders.ts';
import type { Model } from '../model/model.ts';
import { scope } from '../tensor/scope.ts';
import { hyperfit } from '../train/hyperfit.ts';
import type { TrainSettings } from '../train/settings.ts';
import type { TrainCell } from './cell.ts';
import type { EvaluationPoint, TrainCellResult } from './cell-results.ts';
import type { Domain } from './domain.ts';
import type { Laboratory } from './laboratory.ts';
import { stepsOf, stepsPerEpoch, trainSettingsOf } from './setting.ts';
import { teacherForce, tokenMean } from './teacher-forced.ts';

/** Trains, measures where the cell says, and keeps the weights that later cells need. */
export async function runTrainCell(cell: TrainCell, laboratory: Laboratory): Promise<TrainCellResult> {
  const settings = trainSettingsOf(laboratory.setting, cell.settings);
  const model = await laboratory.freshModel(cell.start, settings.seed);
  try {
    return await new TrainingCell(cell, laboratory, model, settings).complete();
  } finally {
    model.dispose();
  }
}

class TrainingCell {
  readonly #cell: TrainCell;
  readonly #laboratory: Laboratory;
  readonly #model: Model;
  readonly #settings: TrainSettings;
  readonly #domain: Domain;
  readonly #perEpoch: number;
  readonly #losses: number[] = [];
  readonly #evaluations: EvaluationPoint[] = [];

  constructor(cell: TrainCell, laboratory: Laboratory, model: Model, settings: TrainSettings) {
    this.#cell = cell;
    this.#laboratory = laboratory;
    this.#model = model;
    this.#settings = settings;
    this.#domain = laboratory.domain(cell.domain);
    this.#perEpoch = stepsPerEpoch(settings.batchSize, cell.samples);
  }

  async complete(): Promise<TrainCellResult> {
    const sequences = this.#domain.train.slice(0, this.#cell.samples);
    const total = stepsOf(this.#settings, sequences.length);
    await this.#evaluateAt(0);
    for await (const event of hyperfit(this.#model, { ...this.#settings, data: sequences })) {
      if (event.type !== 'step') continue;
      this.#losses.push(event.loss);
      this.#laboratory.onWork(`step ${event.step}/${total}, loss ${event.loss.toFixed(3)}`, event.step, total);
      await this.#evaluateAt(event.step);
    }
    if (this.#cell.keep !== 'nothing') await this.#save('end');
    return this.#result();
  }

  async #evaluateAt(step: number): Promise<void> {
    if (!this.#cell.evaluateAtSteps.includes(step)) return;
    const point = await this.#measure(step);
    const least = Math.min(...this.#candidates().map(({ heldOut }) => tokenMean(heldOut, 'loss')));
    this.#evaluations.push(point);
    const isBest = step > 0 && tokenMean(point.heldOut, 'loss') < least;
    if (this.#cell.keep === 'end-and-best' && isBest) await this.#save('best');
  }

  /** The original model does not compete. */
  #candidates(): EvaluationPoint[] {
    return this.#evaluations.filter(({ step }) => step > 0);
  }

  async #measure(step: number): Promise<EvaluationPoint> {
    const { heldOut } = this.#domain;
    const { sums } = await teacherForce(this.#model, heldOut);
    const texts = this.#cell.writesTexts ? await this.#write() : [];
    const last = this.#losses.slice(-this.#perEpoch);
    return {
      step,
      epoch: step / this.#perEpoch,
      trainLoss: last.length === 0 ? null : last.reduce((sum, loss) => sum + loss, 0) / last.length,
      heldOut: sums,
      ttr: texts.map((ids) => typeTokenRatio(ids) ?? Number.NaN),
      rep2: texts.map((ids) => countRepeats(ids, 2)),
      weightNorm: weightNorm(this.#model),
    };
  }

  async #write(): Promise<Int32Array[]> {
    const { maxNewTokens } = this.#laboratory.setting.config;
    const written: Int32Array[] = [];
    const contexts = this.#domain.contexts.map(({ context }) => context);
    for (let at = 0; at < contexts.length; at += 32) {
      const generations = await this.#model.generate(contexts.slice(at, at + 32), { maxNewTokens, minNewTokens: maxNewTokens });
      written.push(...generations.map(({ ids }) => ids));
    }
    return written;
  }

  async #save(at: 'end' | 'best'): Promise<void> {
    const folder = this.#laboratory.folder.weightsFolder({ cell: this.#cell.id, at });
    await makeFolder(dirname(folder));
    await writeFolder(folder, (partial) => this.#model.save(partial));
  }

  async #result(): Promise<TrainCellResult> {
    const pass = this.#losses.slice(-this.#perEpoch);
    const best = this.#candidates().reduce<EvaluationPoint | undefined>(
      (least, point) => (least !== undefined && tokenMean(least.heldOut, 'loss') <= tokenMean(point.heldOut, 'loss') ? least : point),
      undefined,
    );
    return {
      steps: this.#losses.length,
      losses: this.#losses,
      evaluations: this.#evaluations,
      trainLoss: pass.length === 0 ? null : pass.reduce((sum, loss) => sum + loss, 0) / pass.length,
      bestStep: best?.step ?? null,
      // Random weights are not kept to be compared with.
      changedShare: this.#cell.start === 'random' ? null : await this.#model.changedShare(),
    };
  }
}

export function countRepeats(ids: Int32Array, n: number): { repeated: number; total: number } {
  const grams = new NgramNumbers().of(ids, n);
  return { repeated: grams.length - new Set(grams).size, total: grams.length };
}

/** Over every parameter together. */
function weightNorm(model: Model): number {
  return scope(() => {
    const squares = [...model.parameters().values()].map((parameter) => parameter.norm().item() ** 2);
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  });
}
