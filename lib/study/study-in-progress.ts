import { existsSync } from 'node:fs';
import { isTrained, weightsNeededBy, type Cell } from './cell.ts';
import type { CellKey } from './cell-key.ts';
import type { CellResult } from './cell-results.ts';
import { costOf } from './cost.ts';
import { execute } from './execute.ts';
import { Laboratory } from './laboratory.ts';
import type { StudySetting } from './setting.ts';
import type { Shelf } from './shelf.ts';
import { Results, type Bench } from './study.ts';
import type { StudyFile } from './study-file.ts';
import { StudyFolder, type CellFile } from './study-folder.ts';

/** Where a study stands. Costs are in tokens' worth of work. */
export interface StudyProgress {
  /** Which is under way. */
  cell: string;
  /** Counted from 1. */
  number: number;
  /** How many there are. */
  cells: number;
  /** What the cell is at. */
  work: string;
  /** Work done in this process and still to do; finished cells of earlier runs count in neither. */
  doneCost: number;
  /** Work left, in the unit of the cells' costs. */
  leftCost: number;
  /** Wall time. */
  seconds: number;
}

/** Who hears of a study, and what ends it. */
export interface StudyHooks {
  /** Told how far it is. */
  onProgress?: (progress: StudyProgress) => void;
  /** Told of each cell as it begins, ends, or is found finished, by this study or by one that shares its folder of cells. */
  onCell?: (event: {
    type: 'skipped' | 'shared' | 'started' | 'finished';
    cell: string;
    number: number;
    cells: number;
    seconds: number;
  }) => void;
  /** Told of what is worth knowing and stops nothing. */
  onWarning?: (message: string) => void;
}

interface Parts {
  folder: StudyFolder;
  /** Undefined where the study shares with none. */
  shelf: Shelf | undefined;
  setting: StudySetting;
  modelPath: string;
  featureModelPath: string | null;
  bench: Bench;
  cells: readonly Cell[];
  keys: ReadonlyMap<string, CellKey>;
  hooks: StudyHooks;
}

/** The cells of one study, run one after another where they are not finished. */
export class StudyInProgress {
  readonly #parts: Parts;
  readonly #finished = new Map<string, CellFile>();
  readonly #laboratory: Laboratory;
  readonly #startedAt = performance.now();
  /** By id: asked for at every token. */
  readonly #costs: ReadonlyMap<string, number>;
  #leftCost = 0;
  #doneCost = 0;
  #current: { cell: Cell; number: number } | undefined;

  constructor(parts: Parts) {
    const { folder, setting, modelPath, featureModelPath, bench } = parts;
    this.#parts = parts;
    this.#laboratory = new Laboratory({
      setting,
      modelPath,
      featureModelPath,
      tokenizer: bench.header.tokenizer,
      folder,
      domains: bench.domains,
      onWork: (what, done, total) => this.#report(what, done / total),
    });
    for (const { id } of parts.cells) {
      const file = folder.readCell(id, parts.keys.get(id)!.hash);
      if (file !== undefined) this.#finished.set(id, file);
    }
    this.#forgetLostWeights();
    this.#costs = new Map(parts.cells.map((cell) => [cell.id, costOf(cell, bench)]));
    this.#leftCost = parts.cells.filter(({ id }) => !this.#finished.has(id)).reduce((sum, { id }) => sum + this.#costs.get(id)!, 0);
  }

  /** A training whose weights are gone is done again when a cell that is not finished needs them. */
  #forgetLostWeights(): void {
    for (const cell of this.#parts.cells) {
      if (this.#finished.has(cell.id) || !('weights' in cell) || !isTrained(cell.weights)) continue;
      if (!existsSync(this.#parts.folder.weightsFolder(cell.weights))) this.#finished.delete(cell.weights.cell);
    }
  }

  cellFacts(): StudyFile['cells'] {
    const { cells, keys } = this.#parts;
    return cells.map(({ id, kind }) => ({
      id,
      kind,
      hash: keys.get(id)!.hash,
      file: StudyFolder.cellName(id),
      seconds: this.#finished.get(id)?.seconds ?? null,
    }));
  }

  async complete(): Promise<Results> {
    const { cells } = this.#parts;
    try {
      for (const [index, cell] of cells.entries()) {
        if (this.#finished.has(cell.id)) this.#tell('skipped', cell, index + 1, this.#finished.get(cell.id)!.seconds);
        else await this.#run(cell, index + 1);
        await this.#removeSpentWeights(index);
      }
    } finally {
      this.#laboratory.release();
    }
    return this.#results();
  }

  async #run(cell: Cell, number: number): Promise<void> {
    const { folder, keys, shelf } = this.#parts;
    const key = keys.get(cell.id)!;
    const shared = await shelf?.take(cell, key, folder);
    if (shared !== undefined) return this.#finish(shared, 'shared', number);
    this.#current = { cell, number };
    this.#tell('started', cell, number, 0);
    const started = performance.now();
    const result = await execute(cell, this.#laboratory, this.#results());
    const seconds = (performance.now() - started) / 1000;
    const file: CellFile = {
      schemaVersion: 1,
      id: cell.id,
      hash: key.hash,
      description: cell,
      finishedAt: new Date().toISOString(),
      seconds,
      result,
    };
    await folder.writeCell(file);
    await shelf?.put(file, key, folder);
    this.#doneCost += this.#costs.get(cell.id)!;
    this.#finish(file, 'finished', number);
  }

  #finish(file: CellFile, type: 'shared' | 'finished', number: number): void {
    if (!this.#finished.has(file.id)) this.#leftCost -= this.#costs.get(file.id)!;
    this.#finished.set(file.id, file);
    this.#tell(type, file.description, number, file.seconds);
  }

  #results(): Results {
    return new Results(
      new Map([...this.#finished].map(([id, { description, result }]) => [id, { kind: description.kind, result: result as CellResult }])),
    );
  }

  /** Weights go when no later cell loads them, so that the disk holds few of them at a time. */
  async #removeSpentWeights(index: number): Promise<void> {
    const { cells, folder, setting } = this.#parts;
    if (setting.keepModels) return;
    const done = new Set(cells.slice(0, index + 1).map(({ id, kind }) => (kind === 'train' ? id : '')));
    const needed = new Set(cells.slice(index + 1).map(weightsNeededBy));
    for (const id of done) if (id !== '' && !needed.has(id)) await folder.removeWeights(id);
  }

  #tell(type: 'skipped' | 'shared' | 'started' | 'finished', cell: Cell, number: number, seconds: number): void {
    this.#parts.hooks.onCell?.({ type, cell: cell.id, number, cells: this.#parts.cells.length, seconds });
  }

  #report(work: string, share: number): void {
    const current = this.#current;
    if (current === undefined || this.#parts.hooks.onProgress === undefined) return;
    const { cells } = this.#parts;
    const doneHere = this.#costs.get(current.cell.id)! * Math.min(1, share);
    this.#parts.hooks.onProgress({
      cell: current.cell.id,
      number: current.number,
      cells: cells.length,
      work,
      doneCost: this.#doneCost + doneHere,
      leftCost: this.#leftCost - doneHere,
      seconds: (performance.now() - this.#startedAt) / 1000,
    });
  }
}
