import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { copyFolder, readdir, rename, rm, symlink } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { PARTIAL_SUFFIX, replaceFile } from '../checkpoint/atomic-folder.ts';
import { HyperfitError } from '../errors.ts';
import { readTextSync } from '../regular-file.ts';
import type { Cell, TrainCell, TrainedWeights } from './cell.ts';
import { MEASURED_NOTHING, type CellKey, type TrainingKey } from './cell-key.ts';
import type { TrainCellResult } from './cell-results.ts';
import { parseCellFile, type CellFile, type StudyFolder } from './study-folder.ts';

type Place = TrainedWeights['at'];
const PLACES: readonly Place[] = ['end', 'best'];

/**
 * Finished cells and trained weights that studies leave for each other, under keys of what they follow from: <kind>/<hash>.json, and for
 * each training train/<weights>/ with `end`, <measured>/best and a file for each set of measurements. Nothing is ever removed.
 */
export class Shelf {
  readonly path: string;

  private constructor(path: string) {
    this.path = resolve(path);
  }

  /** @throws HyperfitError ERR_CONFIG for a path that cannot be a folder to write in */
  static async open(path: string): Promise<Shelf> {
    const shelf = new Shelf(path);
    await makeFolder(shelf.path).catch((cause: Error) => {
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected a folder that can be written for \`share\`, got ${path}: ${cause.message}; choose another`,
        { cause },
      );
    });
    return shelf;
  }

  /** Puts a finished cell that stands here into a study, its weights as links. Undefined when none does. */
  async take(cell: Cell, key: CellKey, folder: StudyFolder): Promise<CellFile | undefined> {
    const found =
      key.training === undefined ? this.#read(this.#fileOf(cell, key)) : await this.#findTraining(cell as TrainCell, key.training);
    if (found === undefined) return undefined;
    if (key.training !== undefined) await this.#link(cell.id, key.training, folder);
    const file = { ...found, id: cell.id, hash: key.hash, description: cell };
    await folder.writeCell(file);
    return file;
  }

  /** Leaves a cell that a study has finished. Weights move here, and a link stays. */
  async put(file: CellFile, key: CellKey, folder: StudyFolder): Promise<void> {
    if (key.training !== undefined) {
      await this.#moveWeights(file.id, key.training, folder);
      await this.#link(file.id, key.training, folder);
    }
    const path = this.#fileOf(file.description, key);
    await makeFolder(dirname(path));
    await replaceFile(path, `${JSON.stringify(file)}\n`);
  }

  #fileOf(cell: Cell, { hash, training }: CellKey): string {
    if (training === undefined) return join(this.path, cell.kind, `${hash}.json`);
    return this.#trainingFile(training, (cell as TrainCell).writesTexts);
  }

  #trainingFile({ weights, measured }: TrainingKey, hasTexts: boolean): string {
    return join(this.#trainingFolder(weights), `${measured}${hasTexts && measured !== MEASURED_NOTHING ? '-texts' : ''}.json`);
  }

  #trainingFolder(weights: string): string {
    return join(this.path, 'train', weights);
  }

  #weightsFolder({ weights, measured }: TrainingKey, at: Place): string {
    return at === 'end' ? join(this.#trainingFolder(weights), 'end') : join(this.#trainingFolder(weights), measured, 'best');
  }

  /** A training that measured at least what the cell asks for, with the weights it is to keep. */
  async #findTraining(cell: TrainCell, key: TrainingKey): Promise<CellFile | undefined> {
    const needed = PLACES.filter((at) => cell.keep === 'end-and-best' || (cell.keep === 'end' && at === 'end'));
    if (needed.some((at) => !existsSync(this.#weightsFolder(key, at)))) return undefined;
    const found = (await this.#trainingFiles(cell, key)).map((path) => this.#read(path)).find((file) => file !== undefined);
    if (found === undefined || cell.evaluateAtSteps.length > 0) return found;
    return { ...found, result: { ...(found.result as TrainCellResult), evaluations: [], bestStep: null } };
  }

  async #trainingFiles(cell: TrainCell, key: TrainingKey): Promise<string[]> {
    const withTexts = this.#trainingFile(key, true);
    if (cell.evaluateAtSteps.length > 0) return cell.writesTexts ? [withTexts] : [this.#trainingFile(key, false), withTexts];
    const folder = this.#trainingFolder(key.weights);
    const names = existsSync(folder) ? await readdir(folder) : [];
    return names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(folder, name));
  }

  #read(path: string): CellFile | undefined {
    return existsSync(path) ? parseCellFile(readTextSync(path)) : undefined;
  }

  async #link(id: string, key: TrainingKey, folder: StudyFolder): Promise<void> {
    for (const at of PLACES) {
      const [target, link] = [this.#weightsFolder(key, at), folder.weightsFolder({ cell: id, at })];
      if (!existsSync(target)) continue;
      await rm(link, { recursive: true, force: true });
      await makeFolder(dirname(link));
      await linkFolder(target, link);
    }
  }

  async #moveWeights(id: string, key: TrainingKey, folder: StudyFolder): Promise<void> {
    for (const at of PLACES) {
      const [from, to] = [folder.weightsFolder({ cell: id, at }), this.#weightsFolder(key, at)];
      if (!existsSync(from)) continue;
      await makeFolder(dirname(to));
      if (!existsSync(to)) await moveFolder(from, to);
    }
  }
}

/** By which file systems say that they have no symbolic links. */
const NO_LINKS = new Set(['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

/** A link, or where there can be none a copy. */
async function linkFolder(target: string, link: string): Promise<void> {
  await symlink(target, link).catch(async (error: NodeJS.ErrnoException) => {
    if (!NO_LINKS.has(error.code ?? '')) throw error;
    await copyFolder(target, link + PARTIAL_SUFFIX);
    await rename(link + PARTIAL_SUFFIX, link);
  });
}

const THERE_ALREADY = new Set(['ENOTEMPTY', 'EEXIST']);

/** To another disk by way of a copy. What another study has put there in the meantime is as good, and stays. */
async function moveFolder(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (THERE_ALREADY.has(code!)) return;
    if (code !== 'EXDEV') throw error;
    await copyFolder(from, to + PARTIAL_SUFFIX);
    await rename(to + PARTIAL_SUFFIX, to);
  }
}
