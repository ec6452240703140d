import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { appendFile, readdir } from '../file-system.ts';
import { readText } from '../regular-file.ts';
import { replaceFile } from '../checkpoint/atomic-folder.ts';
import { makeFolder } from '../folders.ts';
import { ApiError } from './api-error.ts';
import { EventQueue } from '../generate/event-queue.ts';
import { readCheckpoints, readEvents, readJob } from './kept-files.ts';
import { isOver, newId, secondsNow, type Job, type JobCheckpoint, type JobEvent } from './job.ts';

interface Kept {
  job: Job;
  events: JobEvent[];
  checkpoints: JobCheckpoint[];
}

const ID = /^ftjob-[0-9a-f]{24}$/;

/** Fine-tuning jobs: each a folder with job.json, events.jsonl, checkpoints.json and its run. What is here outlives the server. */
export class JobStore {
  readonly #folder: string;
  readonly #onWarning: (message: string) => void;
  readonly #jobs = new Map<string, Kept>();
  readonly #listeners = new Map<string, Set<EventQueue<JobEvent>>>();
  /** Writes come one after the other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(folder: string, onWarning: (message: string) => void) {
    this.#folder = folder;
    this.#onWarning = onWarning;
  }

  /** What cannot be read of a job is told and passed over; nothing is deleted. */
  static async open(folder: string, onWarning: (message: string) => void): Promise<JobStore> {
    await makeFolder(folder);
    const store = new JobStore(folder, onWarning);
    for (const id of (await readdir(folder)).filter((name) => ID.test(name))) {
      await store.#load(id).catch((error: unknown) => onWarning(`passing over the job ${id}: ${(error as Error).message}`));
    }
    return store;
  }

  /** The newest first. */
  get list(): readonly Job[] {
    const jobs = [...this.#jobs.values()].map(({ job }) => job);
    return jobs.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
  }

  /** @throws ApiError 404 */
  get(id: string): Job {
    return this.#kept(id).job;
  }

  /** The newest first. @throws ApiError 404 */
  events(id: string): readonly JobEvent[] {
    return [...this.#kept(id).events].reverse();
  }

  /** The newest first. @throws ApiError 404 */
  checkpoints(id: string): readonly JobCheckpoint[] {
    return [...this.#kept(id).checkpoints].reverse();
  }

  runFolder(id: string): string {
    return join(this.#folder, id, 'run');
  }

  async add(job: Job): Promise<void> {
    await makeFolder(join(this.#folder, job.id));
    await this.#write(() => replaceFile(this.#path(job.id, 'job.json'), JSON.stringify(job)));
    // Not before: what was not stored was not promised.
    this.#jobs.set(job.id, { job, events: [], checkpoints: [] });
  }

  async update(id: string, change: Partial<Job>): Promise<Job> {
    const kept = this.#kept(id);
    kept.job = { ...kept.job, ...change };
    const { job } = kept;
    await this.#write(() => replaceFile(this.#path(id, 'job.json'), JSON.stringify(job)));
    if (isOver(job)) for (const queue of this.#listeners.get(id) ?? []) queue.close();
    return job;
  }

  async tell(id: string, event: Pick<JobEvent, 'level' | 'message'> & Partial<JobEvent>): Promise<void> {
    const whole: JobEvent = {
      object: 'fine_tuning.job.event',
      id: newId('ftevent'),
      created_at: secondsNow(),
      type: 'message',
      data: null,
      ...event,
    };
    this.#kept(id).events.push(whole);
    for (const queue of this.#listeners.get(id) ?? []) queue.push(whole);
    // A job does not end because nobody can write down how far it is.
    await this.#write(() => appendFile(this.#path(id, 'events.jsonl'), `${JSON.stringify(whole)}\n`)).catch((error: Error) =>
      this.#onWarning(`an event of the job ${id} is not kept: ${error.message}`),
    );
  }

  async addCheckpoint(id: string, checkpoint: JobCheckpoint): Promise<void> {
    const kept = this.#kept(id);
    kept.checkpoints = [...kept.checkpoints.filter(({ step_number: step }) => step !== checkpoint.step_number), checkpoint];
    const { checkpoints } = kept;
    await this.#write(() => replaceFile(this.#path(id, 'checkpoints.json'), JSON.stringify(checkpoints)));
  }

  /** Events as they come, those of before first, until the job is over or `leave` is called. @throws ApiError 404 */
  follow(id: string): { events: EventQueue<JobEvent>; leave: () => void } {
    const { job, events: before } = this.#kept(id);
    const events = new EventQueue<JobEvent>();
    for (const event of before) events.push(event);
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(events));
    if (isOver(job)) events.close();
    const leave = (): void => {
      listeners.delete(events);
      events.close();
    };
    return { events, leave };
  }

  #kept(id: string): Kept {
    const kept = this.#jobs.get(id);
    if (kept === undefined)
      throw new ApiError(404, `expected the id of a fine-tuning job, got "${id}"`, { param: 'fine_tuning_job_id', code: 'job_not_found' });
    return kept;
  }

  #path(id: string, file: string): string {
    return join(this.#folder, id, file);
  }

  async #load(id: string): Promise<void> {
    const read = async (file: string): Promise<string> => (existsSync(this.#path(id, file)) ? readText(this.#path(id, file)) : '');
    const job = readJob(await readText(this.#path(id, 'job.json')), id);
    this.#jobs.set(id, {
      job,
      events: readEvents(await read('events.jsonl')),
      checkpoints: readCheckpoints(await read('checkpoints.json')),
    });
  }

  async #write(work: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(work);
    await this.#writing;
  }
}
