import type { TrainState } from '../checkpoint/train-state.ts';
import { rowIds, type Row } from '../data/batch.ts';
import { makeManifest } from '../data/manifest.ts';
import { HyperfitError } from '../errors.ts';
import type { TrainSettings } from './settings.ts';

/** A value that is no more what it was. */
export interface Change {
  name: string;
  from: unknown;
  to: unknown;
}

/** Where a training of these sequences begins. */
export function initialState({
  sequences,
  settings,
}: {
  sequences: readonly Row[];
  settings: Pick<TrainSettings, 'order' | 'seed' | 'batchSize'>;
}): TrainState {
  const { order, seed, batchSize } = settings;
  const zero = { step: 0, epoch: 0, position: 0, epochLossSum: 0, epochTokenCount: 0, lastEpochLoss: null };
  return { schemaVersion: 1, ...zero, order, seed, batchSize, sampleCount: sequences.length, dataHash: hashData(sequences) };
}

function hashData(sequences: readonly Row[]): string {
  return makeManifest(
    sequences.map((row) => ({ ...('ids' in row && row.targets ? { targets: row.targets } : {}), ids: rowIds(row), source: '', offset: 0 })),
  ).sha256;
}

const FIXED = ['sampleCount', 'dataHash', 'order', 'seed', 'batchSize'] as const;

/** In what the data and their order differ from those that a checkpoint was trained on. */
export function dataChanges(saved: TrainState, begin: TrainState): Change[] {
  return FIXED.filter((name) => saved[name] !== begin[name]).map((name) => ({ name, from: saved[name], to: begin[name] }));
}

/** @throws HyperfitError ERR_CHECKPOINT that names each difference */
export function requireSameData(saved: TrainState, begin: TrainState): void {
  const changes = dataChanges(saved, begin);
  if (changes.length === 0) return;
  const named = changes.map(({ name, from, to }) => `${name} ${to} instead of ${from}`);
  throw new HyperfitError(
    'ERR_CHECKPOINT',
    `expected the data and order that the checkpoint was trained on, got ${named.join(', ')}; resume with the same, or begin a new run`,
  );
}

/** A checkpoint's place in other data: steps and passes count on, and the pass that was under way begins again. */
export function movedTo(saved: TrainState, begin: TrainState): TrainState {
  const identity = Object.fromEntries(FIXED.map((name) => [name, begin[name]])) as Pick<TrainState, (typeof FIXED)[number]>;
  return { ...saved, ...identity, position: 0, epochLossSum: 0, epochTokenCount: 0 };
}
