import { saveError } from '../checkpoint/atomic-folder.ts';
import { readBest } from '../checkpoint/best-checkpoint.ts';
import { saveAdapterWithin, saveCheckpoint } from '../checkpoint/checkpoint.ts';
import type { RunConfig } from '../config/fields.ts';
import { given } from '../config/given.ts';
import { renderDataSummary } from '../data/data-summary.ts';
import { certify } from '../evaluate/certificate.ts';
import { OverlapIndex } from '../evaluate/overlap.ts';
import { isDiskError } from '../disk-errors.ts';
import { errorCodeOf } from '../errors.ts';
import type { StepEvent, TrainEvent } from '../train/events.ts';
import { pickTrainSettings } from '../train/settings.ts';
import { Training } from '../train/training.ts';
import { BestKeeper, type BestEvent } from './best-keeper.ts';
import { frozenWeightsWarning, measureChangedShare } from './changed-share.ts';
import { measureHyperfitted, measureOriginal, type ComparedVariant, type ComparisonParts } from './comparison.ts';
import { keptOnResume, MetricLog, readMetrics } from './metric-log.ts';
import { readComparison, writeComparison } from './comparison-file.ts';
import { writeImages } from './image-files.ts';
import { writeMemorisation } from './memorisation-file.ts';
import { RunBoard } from './run-board.ts';
import type { RunHooks, RunResult } from './run-events.ts';
import type { RunData } from './run-data.ts';
import { savedRunFile } from './run-file.ts';
import type { RunFolder } from './run-folder.ts';
import { writeRunReport } from './run-report.ts';
import { writeRunCards } from './run-card.ts';
import type { RunStart } from './run-start.ts';
import { roomWarning } from './run-room.ts';
import { validate, type ValidationRecord } from './validation.ts';

/** The middle of a run, where its parts are all at hand. */
export class RunInProgress {
  readonly #training: Training;
  readonly #parts: ComparisonParts;
  #log: MetricLog | undefined;
  #board: RunBoard | undefined;
  #best: BestKeeper | undefined;
  #savedStep: number;
  #validatedStep = -1;
  /** Whose evaluation the log has from before a resume. */
  #loggedEvaluations = new Set<number>();
  /** Whether updates arrive is looked at once on the way: a run that learns nothing should not have to end first. */
  #changeChecked = false;
  #checkpoint: string | null = null;

  constructor(
    readonly config: RunConfig,
    readonly folder: RunFolder,
    readonly start: RunStart,
    readonly data: RunData,
    readonly hooks: RunHooks,
  ) {
    const { model, optimizer, state } = start;
    const { signal, loss } = hooks;
    this.#training = new Training({ model, optimizer, sequences: data.train, settings: pickTrainSettings(config), loss, state, signal });
    const overlapIndex =
      data.contexts.length === 0 || data.images !== undefined ? undefined : new OverlapIndex(data.train.map(({ ids }) => ids));
    this.#parts = { model, data, config, overlapIndex, signal, onTokens: hooks.onTokens };
    this.#savedStep = state?.step ?? -1;
  }

  async complete(): Promise<RunResult> {
    const { state } = this.start;
    this.#log = await MetricLog.open(this.folder.metricsFile, state === undefined ? () => false : keptOnResume(state));
    this.#loggedEvaluations = new Set(
      readMetrics(this.folder.metricsFile)
        .filter(({ type }) => type === 'evaluation')
        .map(({ step }) => step),
    );
    try {
      this.#board = await RunBoard.open(this.config, this.folder, {
        step: this.#training.state.step,
        onWarning: (message) => this.#warn(message),
      });
      await this.#warnOfRoom();
      this.#best = await this.#openBest();
      this.#announce();
      const original = await this.#measureOriginal();
      await this.start.model.setQuantization(this.config.quantize);
      if (state === undefined) await this.#validate();
      const reason = await this.#train();
      await this.#save();
      if (reason === 'stopped') {
        await this.#log.flush();
        return await this.#result(reason, null, original);
      }
      if (this.#training.state.step !== this.#validatedStep) await this.#validate();
      const certificate = await this.#certify();
      const comparison = await this.#measureHyperfitted(original);
      await this.#log.flush();
      return await this.#result(reason, certificate, comparison);
    } finally {
      this.#board?.close();
      await this.#log.close();
    }
  }

  async #train(): Promise<RunResult['reason']> {
    const { evaluateEverySteps, saveEverySteps } = this.config;
    const events = this.#training.events();
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) return value.reason;
      this.#record(value);
      if (value.type !== 'step') continue;
      this.#best?.observe(value);
      if (isDue(value, evaluateEverySteps)) await this.#surviving(() => this.#validate());
      if (isDue(value, saveEverySteps)) await this.#surviving(() => this.#save());
      if ((await this.hooks.shouldStop?.()) === true) return 'stopped';
    }
  }

  /** A disk that is full now may have room at the next save: what is in memory is worth more than what could not be written. */
  async #surviving(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (cause) {
      const error = isDiskError(cause) ? saveError(this.folder.path, cause) : cause;
      if (errorCodeOf(error) !== 'ERR_CHECKPOINT') throw error;
      this.#warn(`${(error as Error).message}; training goes on, and the next save tries again`);
    }
  }

  async #warnOfRoom(): Promise<void> {
    const { model, optimizer } = this.start;
    const stepsLeft = this.#training.totalSteps === null ? null : this.#training.totalSteps - this.#training.state.step;
    const warning = await roomWarning(this.folder.checkpoints, { model, optimizer, config: this.config, stepsLeft });
    if (warning !== undefined) this.#warn(warning);
  }

  #announce(): void {
    const { batchSize } = this.config;
    const sequences = this.data.train.length;
    const stepsPerEpoch = Math.ceil(sequences / batchSize);
    const { state, totalSteps } = this.#training;
    this.hooks.onEvent?.({ type: 'start', folder: this.folder.path, step: state.step, sequences, stepsPerEpoch, totalSteps });
    if (this.data.summary !== undefined) this.#note(renderDataSummary(this.data.summary));
  }

  #note(message: string): void {
    this.hooks.onEvent?.({ type: 'note', message });
  }

  async #openBest(): Promise<BestKeeper> {
    const { config, start, folder, data } = this;
    const stepsPerEpoch = Math.ceil(data.train.length / config.batchSize);
    const records = readMetrics(folder.metricsFile);
    const writeMore = (partial: string): Promise<void> => saveAdapterWithin(partial, start.optimizer, this.#baseModel);
    return BestKeeper.open({
      folder: folder.checkpoints,
      keepBest: config.keepBest,
      model: start.model,
      writeMore,
      step: start.state?.step ?? 0,
      stepsPerEpoch,
      records,
    });
  }

  /** What shows on the way stands in the log and on the page; what shows before the first step in run.json. */
  #warn(message: string): void {
    this.#log?.write({ type: 'warning', step: this.#training.state.step, message });
    this.hooks.onWarning?.(message);
  }

  #record(event: TrainEvent | ValidationRecord | BestEvent): void {
    this.#log?.write({ ...event });
    this.#board?.record(event);
    this.hooks.onEvent?.(event);
  }

  /** A run that was killed between its last save and its end evaluates that step again. */
  #recordOnce(record: ValidationRecord): void {
    if (this.#loggedEvaluations.has(record.step)) this.hooks.onEvent?.(record);
    else this.#record(record);
  }

  async #validate(): Promise<void> {
    if (this.config.evaluateEverySteps === 0) return;
    const { step, epoch, position } = this.#training.state;
    const fraction = position / Math.ceil(this.data.train.length / this.config.batchSize);
    this.#validatedStep = step;
    const record = await validate(this.#parts, this.folder, { step, epoch: epoch + fraction, trainLoss: this.#best?.trainLoss ?? null });
    if (record !== null) this.#recordOnce(record);
    if (step > this.config.warmupSteps && !this.#changeChecked) {
      this.#changeChecked = true;
      await this.#checkChange();
    }
    for (const best of (await this.#best?.consider(record ?? { step, ttr: null, rep2: null })) ?? []) this.#record(best);
  }

  async #save(): Promise<void> {
    const { state } = this.#training;
    if (state.step === this.#savedStep) return;
    await this.#log?.flush();
    const { model, optimizer } = this.start;
    this.#checkpoint = await saveCheckpoint(
      this.folder.checkpoints,
      { model, optimizer, state },
      { keepLast: this.config.keepLastCheckpoints, baseModel: this.#baseModel },
    );
    this.#savedStep = state.step;
    this.hooks.onEvent?.({ type: 'checkpoint', step: state.step, path: this.#checkpoint });
  }

  /** A resumed run's model comes from its checkpoint. */
  get #baseModel(): string {
    return savedRunFile(this.folder).model.path;
  }

  get #hasComparison(): boolean {
    return this.config.comparisonContexts > 0 && this.data.contexts.length > 0;
  }

  /** A resumed run takes the figures of the original model from its beginning. */
  async #measureOriginal(): Promise<ComparedVariant[]> {
    if (!this.#hasComparison) return [];
    if (this.start.state !== undefined) return readComparison(this.folder).filter(({ isHyperfitted }) => !isHyperfitted);
    this.#note('measuring the original model');
    const original = await measureOriginal(this.#parts);
    await this.#writeComparison(original);
    return original;
  }

  async #measureHyperfitted(original: ComparedVariant[]): Promise<ComparedVariant[]> {
    if (!this.#hasComparison) return [];
    this.#note('measuring the hyperfitted model');
    const comparison = [...original, ...(await measureHyperfitted(this.#parts))];
    await this.#writeComparison(comparison);
    const { memorisedLength: minLength, matchLength, matchUnit } = this.config;
    const { overlapIndex } = this.#parts;
    if (overlapIndex !== undefined)
      await writeMemorisation(this.folder, {
        variants: comparison,
        train: this.data.train,
        overlapIndex,
        minLength,
        matchLength,
        matchUnit,
        tokenizer: this.start.model.tokenizer,
      });
    return comparison;
  }

  async #writeComparison(variants: ComparedVariant[]): Promise<void> {
    const { contexts, images } = this.data;
    await writeComparison(this.folder, variants, contexts, this.start.model.tokenizer);
    if (images !== undefined) await writeImages(this.folder, variants, { ...this.data, images });
  }

  async #certify(): Promise<RunResult['certificate']> {
    this.#note('measuring the training sequences');
    const certificate = await certify(this.start.model, this.data.train, given({ signal: this.hooks.signal }));
    const changedShare = await this.#checkChange();
    const [{ step }, { quantize }] = [this.#training.state, this.config];
    if (certificate.meanLoss < certificate.lossFloor * (1 - ROUNDING)) {
      this.#warn(
        `a mean loss of ${certificate.meanLoss.toPrecision(3)} lies below ${certificate.lossFloor.toPrecision(3)}, which no causal model can: targets are wrong or visible`,
      );
    }
    const best = readBest(this.folder.checkpoints);
    const record = { type: 'certificate', step, ...certificate, changedShare, quantize, best };
    this.#log?.write(record);
    this.#board?.record(record);
    return { ...certificate, steps: step, changedShare, quantize };
  }

  /** The share of changed weights, with a warning when updates do not arrive. */
  async #checkChange(): Promise<number | null> {
    const changedShare = await measureChangedShare(this.folder, this.start.model);
    // Of LoRA most weights are meant to stay.
    const warning = this.config.loraRank > 0 ? undefined : frozenWeightsWarning(changedShare, this.#training.state.step);
    if (warning !== undefined) this.#warn(warning);
    return changedShare;
  }

  async #result(reason: RunResult['reason'], certificate: RunResult['certificate'], comparison: ComparedVariant[]): Promise<RunResult> {
    const { step, epoch, lastEpochLoss } = this.#training.state;
    const report = await writeRunReport(this.folder);
    await writeRunCards(this.folder);
    return {
      folder: this.folder.path,
      reason,
      step,
      epochs: epoch,
      loss: lastEpochLoss,
      checkpoint: this.#checkpoint,
      certificate,
      comparison,
      best: readBest(this.folder.checkpoints),
      report,
    };
  }
}

/** Of float32 losses beside a float64 floor. */
const ROUNDING = 1e-3;

function isDue({ step }: StepEvent, everySteps: number): boolean {
  return everySteps > 0 && step % everySteps === 0;
}
