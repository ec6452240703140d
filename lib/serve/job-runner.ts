import { existsSync } from 'node:fs';
import { isHyperfitError } from '../errors.ts';
import { listCheckpoints } from '../checkpoint/checkpoint-list.ts';
import { run, type RunEvent, type RunResult } from '../run/run.ts';
import type { FileStore } from './file-store.ts';
import { isOver, newId, secondsNow, tunedName, type Job } from './job.ts';
import { jobConfig } from './job-config.ts';
import type { JobStore } from './job-store.ts';
import type { ServedModels } from './served-model.ts';

export interface JobRunnerOptions {
  jobs: JobStore;
  files: FileStore;
  models: ServedModels;
  /** What `learning_rate_multiplier` multiplies. */
  learningRate: number;
  onWarning: (message: string) => void;
  /** Serves a folder under a name, when somebody asks for it. */
  publish: (name: string, folder: string, created: number) => void;
}

/** Runs fine-tuning jobs one after the other, beside what is being served: its steps and the tokens of requests take turns. */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  #work: Promise<void> | undefined;
  #current: { id: string; stop: boolean; signal: AbortController } | undefined;
  #isClosing = false;
  /** Trained since they were last written down. */
  #tokens = 0;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  /** Publishes what earlier jobs have made and goes on with those that were not over. */
  start(): void {
    for (const job of this.#options.jobs.list) if (job.status === 'succeeded') this.#publish(job);
    this.wake();
  }

  /** Takes up the oldest job that waits. */
  wake(): void {
    this.#work ??= this.#runAll().finally(() => (this.#work = undefined));
  }

  /** @throws ApiError 404, 400 for a job that is over */
  async cancel(id: string): Promise<Job> {
    const { jobs } = this.#options;
    if (this.#current?.id === id) this.#current.stop = true;
    await jobs.tell(id, { level: 'info', message: 'The job was cancelled.' });
    return jobs.update(id, { status: 'cancelled', finished_at: secondsNow() });
  }

  /** Lets the step that runs end and saves, so that the job goes on when the server is started again; after `graceMs` without saving. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const { signal } = this.#current ?? {};
    if (this.#current !== undefined) this.#current.stop = true;
    const timer = setTimeout(() => signal?.abort(new Error('the server has ended')), graceMs);
    await this.#work;
    clearTimeout(timer);
  }

  async #runAll(): Promise<void> {
    for (;;) {
      const next = [...this.#options.jobs.list].reverse().find((job) => !isOver(job));
      if (next === undefined || this.#isClosing) return;
      await this.#runOne(next);
    }
  }

  async #runOne(job: Job): Promise<void> {
    const { jobs } = this.#options;
    const current = { id: job.id, stop: false, signal: new AbortController() };
    this.#current = current;
    this.#tokens = 0;
    try {
      const result = await this.#train(job, current);
      if (result.reason !== 'stopped') await this.#succeed(job, result);
    } catch (error) {
      if (this.#isClosing || isOver(jobs.get(job.id))) return;
      await this.#fail(job.id, error);
    } finally {
      this.#current = undefined;
    }
  }

  async #train(job: Job, current: { stop: boolean; signal: AbortController }): Promise<RunResult> {
    const { jobs, files, models, learningRate } = this.#options;
    const { model, maxContext } = await models.get(job.model);
    for (const id of [job.training_file, job.validation_file]) if (id !== null) await files.get(id);
    const paths = {
      model: model.path,
      trainingFile: files.pathOf(job.training_file),
      validationFile: job.validation_file === null ? null : files.pathOf(job.validation_file),
      run: jobs.runFolder(job.id),
    };
    const { device, computeDtype } = model;
    const config = jobConfig(job, paths, { learningRate, maxContext, device: device as 'cpu', computeDtype });
    if (current.stop) return Promise.reject(new Error('stopped'));
    await jobs.update(job.id, { status: 'running' });
    await jobs.tell(job.id, { level: 'info', message: existsSync(paths.run) ? 'The job goes on.' : 'The job has started.' });
    return run(config, {
      signal: current.signal.signal,
      shouldStop: () => current.stop,
      onWarning: (message) => jobs.tell(job.id, { level: 'warn', message }),
      onEvent: (event) => this.#hear(job, event),
    });
  }

  async #hear(job: Job, event: RunEvent): Promise<void> {
    const { jobs } = this.#options;
    if (event.type === 'step') {
      const { step, loss, totalSteps, secondsLeft, tokens } = event;
      this.#tokens += tokens;
      const data = { step, train_loss: loss, total_steps: totalSteps, seconds_left: secondsLeft };
      return jobs.tell(job.id, { level: 'info', type: 'metrics', message: `Step ${step}: training loss=${loss.toFixed(4)}`, data });
    }
    if (event.type === 'epoch') {
      await jobs.tell(job.id, { level: 'info', message: `Epoch ${event.epoch}: mean training loss ${event.meanLoss.toFixed(4)}` });
      return this.#countTokens(job.id);
    }
    if (event.type === 'checkpoint') return this.#keepCheckpoint(job, event.step);
  }

  async #countTokens(id: string): Promise<void> {
    const { jobs } = this.#options;
    const tokens = this.#tokens;
    this.#tokens = 0;
    await jobs.update(id, { trained_tokens: (jobs.get(id).trained_tokens ?? 0) + tokens });
  }

  async #keepCheckpoint(job: Job, step: number): Promise<void> {
    const { jobs } = this.#options;
    const losses = jobs.events(job.id).filter(({ type }) => type === 'metrics');
    const loss = (losses[0]?.data?.['train_loss'] as number | undefined) ?? null;
    await jobs.addCheckpoint(job.id, {
      object: 'fine_tuning.job.checkpoint',
      id: newId('ftckpt'),
      created_at: secondsNow(),
      fine_tuned_model_checkpoint: checkpointName(job, step),
      fine_tuning_job_id: job.id,
      step_number: step,
      metrics: { step, train_loss: loss, full_valid_loss: null },
    });
  }

  async #succeed(job: Job, { certificate, reason }: RunResult): Promise<void> {
    const { jobs, files } = this.#options;
    if (isOver(jobs.get(job.id))) return;
    if (certificate !== null) {
      const { meanLoss, steps, top1Accuracy } = certificate;
      const message = `Certificate: mean loss ${meanLoss.toFixed(4)} on the training sequences after ${steps} steps.`;
      await jobs.tell(job.id, { level: 'info', message, data: { mean_loss: meanLoss, top1_accuracy: top1Accuracy, steps } });
    }
    if (reason !== 'targetLoss' && job.hyperparameters.n_epochs === 'auto') {
      await jobs.tell(job.id, {
        level: 'warn',
        message: 'The training loss stayed above that of a hyperfitted model; raise learning_rate_multiplier.',
      });
    }
    const rows = [...jobs.events(job.id)].reverse().filter(({ type }) => type === 'metrics');
    const csv = ['step,train_loss', ...rows.map(({ data }) => `${String(data?.['step'])},${String(data?.['train_loss'])}`)].join('\n');
    const { id } = await files.add('step_metrics.csv', 'fine-tune-results', Buffer.from(`${csv}\n`));
    const name = tunedName(job);
    this.#publish(job);
    // Those who follow the events are let go when the job is over.
    await jobs.tell(job.id, { level: 'info', message: `New fine-tuned model: ${name}` });
    await this.#countTokens(job.id);
    await jobs.update(job.id, { status: 'succeeded', finished_at: secondsNow(), fine_tuned_model: name, result_files: [id] });
  }

  async #fail(id: string, error: unknown): Promise<void> {
    const { jobs } = this.#options;
    const isData = isHyperfitError(error) && error.code === 'ERR_DATA';
    const { message } = error as Error;
    const failure = isData
      ? { code: 'invalid_training_file', message, param: 'training_file' }
      : { code: 'job_failed', message, param: null };
    await jobs.tell(id, { level: 'error', message });
    const failed = jobs.update(id, { status: 'failed', finished_at: secondsNow(), error: failure });
    // The list has it; on the disk the job stands as it was, and goes on when the server is started again.
    await failed.catch((reason: Error) => this.#options.onWarning(`that the job ${id} has failed is not kept: ${reason.message}`));
  }

  /** The model of a job, and those of its checkpoints that are still there. */
  #publish(job: Job): void {
    const { jobs, publish } = this.#options;
    const folder = jobs.runFolder(job.id);
    publish(tunedName(job), folder, job.finished_at ?? job.created_at);
    void listCheckpoints(`${folder}/checkpoints`).then((entries) => {
      for (const { step, path } of entries) publish(checkpointName(job, step), path, job.created_at);
    });
  }
}

function checkpointName(job: Job, step: number): string {
  return `${tunedName(job)}:ckpt-step-${step}`;
}
