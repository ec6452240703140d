import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../folders.ts';
import { maskedCrc32c } from './crc32c.ts';
import { hyperparameterEvent, restartEvent, summaryEvent, versionEvent, type HyperparameterValue, type Summary } from './event.ts';

/**
 * An event file of TensorBoard: records of TFRecord, each an Event. Every one is handed to the system at once, so that a TensorBoard that
 * looks on shows it. Source: tensorflow's record_writer.cc, event.proto and summary.proto.
 */
export class EventFile {
  readonly path: string;
  readonly #file: number;
  readonly #now: () => number;

  private constructor(path: string, now: () => number) {
    this.path = path;
    this.#now = now;
    this.#file = openSync(path, 'ax');
    this.#write(versionEvent(now()));
  }

  /**
   * A new file in `folder`, which comes after those that are there.
   * @param purgeStep the first step that is done again: what earlier files say of it and of later ones no longer counts
   * @throws what the file system throws
   */
  static async open(
    folder: string,
    { purgeStep, now = () => Date.now() / 1000 }: { purgeStep?: number | undefined; now?: (() => number) | undefined } = {},
  ): Promise<EventFile> {
    await makeFolder(folder);
    const file = new EventFile(join(folder, freshName(readdirSync(folder), now())), now);
    if (purgeStep !== undefined) file.#write(restartEvent(now(), purgeStep));
    return file;
  }

  summaries(step: number, summaries: readonly Summary[]): void {
    if (summaries.length > 0) this.#write(summaryEvent(this.#now(), step, summaries));
  }

  hyperparameters(values: Readonly<Record<string, HyperparameterValue>>): void {
    this.#write(hyperparameterEvent(this.#now(), values, this.#now()));
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(event: Uint8Array): void {
    writeSync(this.#file, record(event));
  }
}

/** Length, its checksum, content, its checksum; little-endian. */
function record(content: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(content.length));
  head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
  const foot = Buffer.alloc(4);
  foot.writeUInt32LE(maskedCrc32c(content));
  return Buffer.concat([head, content, foot]);
}

const NAME = /^events\.out\.tfevents\.(\d{10})\./;

/**
 * TensorBoard reads files in the order of their names: a second that another file has already, or a clock that was set back, must not put
 * this one before it.
 */
function freshName(names: readonly string[], now: number): string {
  const latest = names.reduce((most, name) => Math.max(most, Number(NAME.exec(name)?.[1] ?? 0)), 0);
  const second = Math.max(Math.floor(now), latest + 1);
  return `events.out.tfevents.${String(second).padStart(10, '0')}.${hostname().replaceAll(/[^\w-]/g, '-')}.${process.pid}.0`;
}
