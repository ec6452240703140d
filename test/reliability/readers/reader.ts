import { mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IsRefusal } from '../oracle.ts';
import type { Maker } from '../structured.ts';

/** A reader of files or requests that somebody else may have made, and how inputs for it are made. */
export interface FuzzedReader {
  make: Maker;
  read: (bytes: Buffer) => unknown;
  isRefusal?: IsRefusal;
  /** Inputs in the short form; fewer where one takes long. */
  share?: number;
}

export type FuzzedReaders = Readonly<Record<string, FuzzedReader>>;

/** In memory where there is such a folder: a hundred thousand files are no work for a disk. */
export function scratchFolder(): string {
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = mkdtempSync(join(parent, 'hyperfit-fuzz-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Reads by path: the bytes are written there first. */
export function byPath(path: string, read: (path: string) => unknown): (bytes: Buffer) => unknown {
  return (bytes) => {
    writeFileSync(path, bytes);
    return read(path);
  };
}
