import { closeSync, existsSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { readBytesSync } from '../regular-file.ts';
import { replaceFile, saveError } from '../checkpoint/atomic-folder.ts';

/** A line of metrics.jsonl: at least its type and the step it speaks of. */
export interface MetricRecord {
  type: string;
  step: number;
  [key: string]: unknown;
}

/** Appends one JSON object per line; each line is handed to the system at once, so a killed run loses none. */
export class MetricLog {
  readonly #path: string;
  readonly #file: number;
  #pending = Buffer.alloc(0);

  private constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'a');
  }

  /** Opens `path` for appending, after keeping only the records that `keep` wants. */
  static async open(path: string, keep?: (record: MetricRecord) => boolean): Promise<MetricLog> {
    if (keep !== undefined && existsSync(path)) {
      const kept = readMetrics(path).filter(keep);
      await replaceFile(path, kept.map((record) => `${JSON.stringify(record)}\n`).join(''));
    }
    return new MetricLog(path);
  }

  /** What the disk has no room for is kept, and written with what comes next. */
  write(record: MetricRecord): void {
    this.#pending = Buffer.concat([this.#pending, Buffer.from(`${JSON.stringify(record)}\n`)]);
    try {
      this.#writePending();
    } catch {
      // The next save says so, or the end of the run.
    }
  }

  /**
   * Makes what was written survive a power cut; called before each checkpoint.
   * @throws HyperfitError ERR_CHECKPOINT when the disk is full or refuses
   */
  flush(): void {
    try {
      this.#writePending();
      fsyncSync(this.#file);
    } catch (error) {
      throw saveError(this.#path, error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** A full disk may take a part of what it is given. */
  #writePending(): void {
    while (this.#pending.length > 0) this.#pending = this.#pending.subarray(writeSync(this.#file, this.#pending));
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
  return readBytesSync(path).toString('utf8')
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
