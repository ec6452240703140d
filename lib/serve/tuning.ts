import { join } from 'node:path';
import type { Hono } from 'hono';
import { FolderLock } from '../checkpoint/folder-lock.ts';
import { HyperfitError, isHyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import { Model } from '../model/model.ts';
import type { BodyLimits } from './body.ts';
import { addFileRoutes, type UploadLimits } from './file-routes.ts';
import { FileStore } from './file-store.ts';
import { addJobRoutes } from './job-routes.ts';
import { JobRunner } from './job-runner.ts';
import { JobStore } from './job-store.ts';
import type { SchedulerOptions } from './scheduler.ts';
import { ServedModel, type ServedModels } from './served-model.ts';

export interface TuningOptions extends BodyLimits, UploadLimits, SchedulerOptions {
  learningRate: number;
  maxContext?: number | undefined;
  onWarning: (message: string) => void;
}

/** Files, fine-tuning jobs and what comes of them, in one folder. */
export class Tuning {
  readonly #files: FileStore;
  readonly #jobs: JobStore;
  readonly #models: ServedModels;
  readonly #runner: JobRunner;
  readonly #options: TuningOptions;
  readonly #lock: FolderLock;

  private constructor(lock: FolderLock, files: FileStore, jobs: JobStore, models: ServedModels, options: TuningOptions) {
    this.#lock = lock;
    this.#files = files;
    this.#jobs = jobs;
    this.#models = models;
    this.#options = options;
    const publish = (name: string, folder: string, created: number): void => this.#publish(name, folder, created);
    this.#runner = new JobRunner({ jobs, files, models, learningRate: options.learningRate, onWarning: options.onWarning, publish });
  }

  /** @throws HyperfitError ERR_BUSY while another server has the folder, ERR_CONFIG for one that cannot be made or written */
  static async open(folder: string, models: ServedModels, options: TuningOptions): Promise<Tuning> {
    const lock = await makeFolder(folder)
      .then(() => FolderLock.take(folder, 'a folder of jobs'))
      .catch((cause: unknown) => refuse(folder, cause));
    try {
      const files = await FileStore.open(join(folder, 'files'));
      return new Tuning(lock, files, await JobStore.open(join(folder, 'jobs'), options.onWarning), models, options);
    } catch (error) {
      await lock.release();
      return refuse(folder, error);
    }
  }

  addRoutes(app: Hono): void {
    addFileRoutes(app, this.#files, this.#options);
    addJobRoutes(app, { jobs: this.#jobs, files: this.#files, runner: this.#runner, models: this.#models }, this.#options);
  }

  /** Goes on with the jobs that were not over. */
  start(): void {
    this.#runner.start();
  }

  async close(graceMs: number): Promise<void> {
    await this.#runner.close(graceMs);
    await this.#lock.release();
  }

  /** Computes where the first of the models does, in the same type. */
  #publish(id: string, folder: string, created: number): void {
    const load = async (): Promise<ServedModel> => {
      const { onWarning } = this.#options;
      const [first] = this.#models.loaded;
      const computing = first === undefined ? {} : { device: first.model.device, computeDtype: first.model.computeDtype };
      const model = await Model.load(await resolveModelPath(folder, onWarning), { ...computing, onWarning });
      return new ServedModel(id, model, { ...this.#options, ownedBy: 'user' });
    };
    this.#models.addLazy({ id, created, load });
  }
}

function refuse(folder: string, cause: unknown): never {
  if (isHyperfitError(cause)) throw cause;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected a folder that can be written for \`jobs\`, got ${folder}: ${(cause as Error).message}; choose another`,
    { cause },
  );
}
