import {
  BEST_CRITERIA,
  isBetter,
  readBest,
  recoverBest,
  saveBest,
  type BestCheckpoint,
  type BestCriterion,
  type BestScore,
} from '../checkpoint/best-checkpoint.ts';
import type { RunConfig } from '../config/fields.ts';
import type { AnswerMetrics } from '../evaluate/answers.ts';
import type { Model } from '../model/model.ts';
import type { MetricRecord } from './metric-log.ts';

/** A checkpoint that has become the best of its run. */
export type BestEvent = BestCheckpoint & { type: 'best' };

export interface BestKeeperParts {
  /** Of the checkpoints. */
  folder: string;
  keepBest: RunConfig['keepBest'];
  model: Model;
  /** Adds to a folder what belongs beside the weights. */
  writeMore?: (partial: string) => Promise<void>;
  /** The step that the run goes on from, 0 for one that begins. */
  step: number;
  stepsPerEpoch: number;
  /** What the log has kept: the steps before a resume. */
  records: readonly MetricRecord[];
}

/** What of an evaluation counts. */
export type Considered = Pick<BestScore, 'step' | 'ttr' | 'rep2'> & { answers?: AnswerMetrics | null };

type StepLoss = { loss: number; tokens: number };

/** Compares each evaluation with the best so far and saves the weights that beat it. The original model is no candidate. */
export class BestKeeper {
  readonly #parts: BestKeeperParts;
  readonly #criteria: readonly BestCriterion[];
  readonly #best = new Map<BestCriterion, BestScore>();
  #lastPass: StepLoss[];

  private constructor(parts: BestKeeperParts) {
    this.#parts = parts;
    this.#criteria = BEST_CRITERIA.filter((criterion) => parts.keepBest === 'both' || parts.keepBest === criterion);
    const steps = parts.records.filter(({ type }) => type === 'step');
    this.#lastPass = steps.slice(-parts.stepsPerEpoch).map(({ loss, tokens }) => ({ loss: loss as number, tokens: tokens as number }));
  }

  /**
   * Takes up the best ones on disk. One of a step beyond the resumed one stays there, but the first evaluation replaces it: the steps that
   * led to it are to be done again, perhaps otherwise.
   */
  static async open(parts: BestKeeperParts): Promise<BestKeeper> {
    const keeper = new BestKeeper(parts);
    await recoverBest(parts.folder);
    for (const best of readBest(parts.folder)) if (best.step <= parts.step) keeper.#best.set(best.criterion, best);
    return keeper;
  }

  observe({ loss, tokens }: StepLoss): void {
    this.#lastPass.push({ loss, tokens });
    if (this.#lastPass.length > this.#parts.stepsPerEpoch) this.#lastPass.shift();
  }

  /** Mean over the tokens of the last `stepsPerEpoch` steps, or of all when they are fewer: one pass, so that easy batches do not win. */
  get trainLoss(): number | null {
    const tokens = this.#lastPass.reduce((sum, step) => sum + step.tokens, 0);
    return tokens === 0 ? null : this.#lastPass.reduce((sum, step) => sum + step.loss * step.tokens, 0) / tokens;
  }

  /** @throws HyperfitError ERR_CHECKPOINT when the weights cannot be saved */
  async consider({ step, ttr, rep2, answers = null }: Considered): Promise<BestEvent[]> {
    const ofAnswers = answers === null ? {} : { exactMatch: answers.exactMatch?.share ?? null, answerLoss: answers.loss };
    const score: BestScore = { step, trainLoss: this.trainLoss, ttr, rep2, ...ofAnswers };
    const beaten = this.#criteria.filter((criterion) => isBetter(criterion, score, this.#best.get(criterion)));
    if (score.step === 0 || beaten.length === 0) return [];
    const saved = await saveBest(this.#parts.folder, beaten, this.#parts.model, score, this.#parts.writeMore);
    for (const criterion of beaten) this.#best.set(criterion, score);
    return saved.map((best) => ({ type: 'best', ...best }));
  }
}
