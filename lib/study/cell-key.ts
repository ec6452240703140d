import { createHash } from 'node:crypto';
import { isTrained, needsOf, type Cell, type TrainCell, type Weights } from './cell.ts';

/** What a cell's findings follow from. Cells of equal keys find the same, under whatever name and in whatever study. */
export interface CellKey {
  hash: string;
  /** Of a training. */
  training?: TrainingKey;
}

export interface TrainingKey {
  /** The weights at the end: whatever is measured on the way does not change them. */
  weights: string;
  /** What was measured on the way, apart from texts; `nothing` where nothing was. */
  measured: string;
}

export const MEASURED_NOTHING = 'nothing';

/** What cells of one study have in common. */
export interface HashInputs {
  /** Everything that a measurement depends on. */
  all: object;
  /** What of it the weights at the end of a training depend on, its settings made complete. */
  ofTraining: (cell: TrainCell) => object;
}

/** The key of every cell, by id. Cells stand after those they need. */
export function keyCells(cells: readonly Cell[], inputs: HashInputs): Map<string, CellKey> {
  const keys = new Map<string, CellKey>();
  for (const cell of cells) {
    if (keys.has(cell.id)) throw new Error(`two cells are called ${cell.id}`);
    keys.set(
      cell.id,
      cell.kind === 'train'
        ? keyTraining(cell, inputs)
        : { hash: digest({ inputs: inputs.all, cell: withoutNames(cell), needs: needsOf(cell).map((id) => hashOfNeed(cell, id, keys)) }) },
    );
  }
  return keys;
}

function keyTraining(cell: TrainCell, { all, ofTraining }: HashInputs): CellKey {
  const { evaluateAtSteps, writesTexts } = cell;
  const weights = digest(ofTraining(cell));
  const measured = evaluateAtSteps.length === 0 ? MEASURED_NOTHING : digest({ inputs: all, weights, evaluateAtSteps });
  return {
    hash: digest({ weights, measured, writesTexts: measured !== MEASURED_NOTHING && writesTexts }),
    training: { weights, measured },
  };
}

/** A cell without its name and those of others, which may be called differently in another study. */
function withoutNames(cell: Exclude<Cell, TrainCell>): object {
  const { id: _id, ...rest } = cell;
  if ('contrast' in rest) return { ...rest, contrast: '' };
  return { ...rest, ...('weights' in rest ? { weights: placeOf(rest.weights) } : {}), ...('texts' in rest ? { texts: '' } : {}) };
}

/** A place alone, as ever, where the weights are whole. */
function placeOf(weights: Weights): string | object {
  if (!isTrained(weights)) return weights;
  const { cell: _cell, at, ...changed } = weights;
  return Object.keys(changed).length === 0 ? at : { at, ...changed };
}

function hashOfNeed(cell: Cell, id: string, keys: ReadonlyMap<string, CellKey>): string {
  const key = keys.get(id);
  if (key === undefined) throw new Error(`cell ${cell.id} needs ${id}, which does not stand before it`);
  if (key.training === undefined) return key.hash;
  const isBest = 'weights' in cell && isTrained(cell.weights) && cell.weights.at === 'best';
  return isBest ? digest(key.training) : key.training.weights;
}

function digest(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
