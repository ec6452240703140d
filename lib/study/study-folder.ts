import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readdir, rm } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { LOCK_NAME } from '../checkpoint/folder-lock.ts';
import { PARTIAL_SUFFIX, replaceFile } from '../checkpoint/atomic-folder.ts';
import { HyperfitError } from '../errors.ts';
import { readTextSync } from '../regular-file.ts';
import type { Cell, TrainedWeights } from './cell.ts';
import type { CellResult } from './cell-results.ts';

/** cells/<id>.json: what a finished cell found. */
export interface CellFile {
  schemaVersion: 1;
  id: string;
  /** Of its key, over the description, the inputs of the study and the keys of the cells it needs. */
  hash: string;
  description: Cell;
  finishedAt: string;
  seconds: number;
  result: CellResult;
}

/** Where everything of one study stands. */
export class StudyFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get studyFile(): string {
    return join(this.path, 'study.json');
  }

  get tableFile(): string {
    return join(this.path, 'table.md');
  }

  /** The same numbers for programs, and the paired comparisons. */
  get tableCsvFile(): string {
    return join(this.path, 'table.csv');
  }

  get testsCsvFile(): string {
    return join(this.path, 'tests.csv');
  }

  get pageFile(): string {
    return join(this.path, 'index.html');
  }

  get generations(): string {
    return join(this.path, 'generations');
  }

  /** Relative to the study, as the table and the page cite it. */
  static cellName(id: string): string {
    return `cells/${id}.json`;
  }

  cellFile(id: string): string {
    return join(this.path, StudyFolder.cellName(id));
  }

  weightsFolder({ cell, at }: Pick<TrainedWeights, 'cell' | 'at'>): string {
    return join(this.path, 'cells', cell, at);
  }

  /** @throws HyperfitError ERR_CONFIG when the folder holds something that is no study of this name */
  async open(study: string): Promise<void> {
    const found = await readdir(this.path).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : this.#refuse(error)));
    // What a study leaves that was refused or killed before it had a study.json: nothing of anybody's.
    const others = found.filter((name) => name !== 'cells' && name !== LOCK_NAME && !name.endsWith(PARTIAL_SUFFIX));
    if (others.length > 0) this.#requireStudy(study, others[0]!);
    await makeFolder(join(this.path, 'cells')).catch((error: NodeJS.ErrnoException) => this.#refuse(error));
  }

  /** Takes away what killed processes were writing; called by the one that writes here now. */
  async clearPartial(): Promise<void> {
    const names = await readdir(this.path, { recursive: true });
    for (const name of names.filter((each) => each.endsWith(PARTIAL_SUFFIX)))
      await rm(join(this.path, name), { recursive: true, force: true });
  }

  #requireStudy(study: string, something: string): void {
    if (!existsSync(this.studyFile))
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected a new or empty folder, or that of a study, for \`out\`, got ${this.path} with ${something} in it; choose another`,
      );
    const { study: other } = readStudyJson(this.studyFile) as { study?: unknown };
    if (other !== study)
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected the folder of a study \`${study}\` for \`out\`, got ${this.path} of a study \`${String(other)}\`; choose another`,
      );
  }

  #refuse(cause: NodeJS.ErrnoException): never {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a folder that can be written for \`out\`, got ${this.path}: ${cause.message}; choose another`,
      { cause },
    );
  }

  /** What the cell of this hash found, undefined when it is not finished. */
  readCell(id: string, hash: string): CellFile | undefined {
    if (!existsSync(this.cellFile(id))) return undefined;
    const file = parseCellFile(readTextSync(this.cellFile(id)));
    return file?.hash === hash ? file : undefined;
  }

  async writeCell(file: CellFile): Promise<void> {
    await makeFolder(dirname(this.cellFile(file.id)));
    await replaceFile(this.cellFile(file.id), `${JSON.stringify(file)}\n`);
  }

  async removeWeights(cell: string): Promise<void> {
    await rm(join(this.path, 'cells', cell), { recursive: true, force: true });
  }
}

/** Undefined for a torn file and for one of another version. */
export function parseCellFile(text: string): CellFile | undefined {
  const file = parseOrUndefined(text) as CellFile | undefined;
  return file?.schemaVersion === 1 ? file : undefined;
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readStudyJson(path: string): object {
  const value = parseOrUndefined(readTextSync(path));
  if (typeof value === 'object' && value !== null) return value;
  throw new HyperfitError('ERR_CONFIG', `expected JSON in ${path}, got something else; choose another folder for \`out\``);
}
