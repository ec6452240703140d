import { requireKnownIds } from '../generate/check-ids.ts';
import { HyperfitError } from '../errors.ts';
import type { Generation } from '../generate/generation.ts';
import type { Model } from '../model/model.ts';
import type { TextCell } from './cell.ts';
import type { Laboratory } from './laboratory.ts';
import type { StudyWriter, WriterTask } from './own.ts';

/** Continuations by a function of the caller's, as `generate` would give them. */
export async function writeByFunction(
  cell: TextCell,
  laboratory: Laboratory,
  model: Model,
  { name, write }: StudyWriter,
): Promise<Generation[]> {
  const contexts = laboratory.domain(cell.domain).contexts.map(({ context }) => context);
  const trainingSamples = laboratory.domain(cell.trainDomain).train.map(({ ids }) => ids);
  const task: WriterTask = { contexts, newTokens: cell.newTokens, seed: cell.decoding.seed ?? 0, trainingSamples };
  const written = await write!(model, task);
  if (!Array.isArray(written) || written.length !== contexts.length) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected a continuation for each of ${contexts.length} contexts from the way of writing ${name}, got ${Array.isArray(written) ? written.length : typeof written}`,
    );
  }
  return written.map((ids, index) => toGeneration(checkedIds(ids, cell, model, `text ${index} of ${name}`), contexts[index]!, model));
}

function checkedIds(ids: ArrayLike<number>, { newTokens }: TextCell, { config }: Model, whose: string): Int32Array {
  const list = Array.from(ids ?? []);
  if (list.length !== newTokens)
    throw new HyperfitError(
      'ERR_DATA',
      `expected ${newTokens} ids for ${whose}, got ${list.length}; texts of other lengths cannot be compared`,
    );
  const odd = list.find((id) => !Number.isInteger(id) || id < 0);
  if (odd !== undefined) throw new HyperfitError('ERR_DATA', `expected token ids for ${whose}, got ${String(odd)}`);
  requireKnownIds(whose, list, config.vocabSize);
  return Int32Array.from(list);
}

function toGeneration(ids: Int32Array, promptIds: Int32Array, { tokenizer }: Model): Generation {
  const text = tokenizer === undefined ? {} : { text: tokenizer.decodeContinuation(promptIds, ids) };
  return { promptIds, ids, finishReason: 'length', interventions: 0, ...text };
}
