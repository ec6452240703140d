import { existsSync } from 'node:fs';
import { open, type FileHandle } from '../file-system.ts';
import { readBytesSync } from '../regular-file.ts';
import { replaceFile, saveError } from '../checkpoint/atomic-folder.ts';

/** A line of metrics.jsonl: at least its type and the step it speaks of. */
export interface MetricRecord {
  type: string;
  step: number;
  [key: string]: unknown;
}

/**
 * Appends one JSON object per line, in their order and beside the event loop: a disk that hangs holds up no signal. Whoever needs the lines
 * on the disk, a checkpoint that speaks of their steps, waits for `flush`.
 */
export class MetricLog {
  readonly #path: string;
  readonly #file: FileHandle;
  #pending = Buffer.alloc(0);
  /** Of what is being written. */
  #writing: Promise<void> | undefined;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Opens `path` for appending, after keeping only the records that `keep` wants. */
  static async open(path: string, keep?: (record: MetricRecord) => boolean): Promise<MetricLog> {
    if (keep !== undefined && existsSync(path)) {
      const kept = readMetrics(path).filter(keep);
      await replaceFile(path, kept.map((record) => `${JSON.stringify(record)}\n`).join(''));
    }
    return new MetricLog(path, await open(path, 'a'));
  }

  /** What the disk has no room for is kept, and written with what comes next. */
  write(record: MetricRecord): void {
    this.#pending = Buffer.concat([this.#pending, Buffer.from(`${JSON.stringify(record)}\n`)]);
    // What fails is tried again with what comes next; the next save says so, or the end of the run.
    void this.#written().catch(() => {});
  }

  /**
   * Makes what was written survive a power cut; called before each checkpoint.
   * @throws HyperfitError ERR_CHECKPOINT when the disk is full or refuses
   */
  async flush(): Promise<void> {
    try {
      await this.#writing?.catch(() => {});
      await this.#written();
      await this.#file.sync();
    } catch (error) {
      throw saveError(this.#path, error);
    }
  }

  async close(): Promise<void> {
    await this.#written().catch(() => {});
    await this.#file.close();
  }

  /** One at a time; what is added meanwhile goes with it. */
  #written(): Promise<void> {
    this.#writing ??= this.#writePending().finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  /** A full disk may take a part of what it is given. */
  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      const { bytesWritten } = await this.#file.write(this.#pending);
      this.#pending = this.#pending.subarray(bytesWritten);
    }
  }
}

/**
 * What a log keeps when its run goes on from a checkpoint: everything up to that step, except the end of an epoch that the
 * resumed run will reach again, and the figures of an end that was not one.
 */
export function keptOnResume({ step, position }: { step: number; position: number }): (record: MetricRecord) => boolean {
  return (record) => {
    if (record.type === 'certificate' || record.step > step) return false;
    return record.type !== 'epoch' || record.step < step || position === 0;
  };
}

/** The records of a log; a last line that a dying process left unfinished, and what is no record, is passed over. */
export function readMetrics(path: string): MetricRecord[] {
  return readBytesSync(path)
    .toString('utf8')
    .split('\n')
    .flatMap((line) => parseRecord(line));
}

function parseRecord(line: string): MetricRecord[] {
  try {
    const record = JSON.parse(line) as MetricRecord | null;
    return typeof record?.type === 'string' && typeof record.step === 'number' ? [record] : [];
  } catch {
    return [];
  }
}
