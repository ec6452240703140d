import type { ModelConfig, TensorSource } from '../addon-types.ts';
import type { RunConfig } from '../config/fields.ts';
import { freeMemory } from '../memory-room.ts';
import { heldDtypeOf } from '../model/held-dtype.ts';
import type { MemoryEstimate } from '../model/memory-estimate.ts';
import { loadRunData } from './run-data.ts';
import { cheapestChange, estimateRunMemory } from './run-memory.ts';

/** What a run with these settings would be, said before its weights are read. Plain JSON. */
export interface RunPlan {
  /** Training sequences. */
  sequences: number;
  /** Tokens of the longest. */
  longestSequence: number;
  /** Optimizer steps that one pass over the sequences takes. */
  stepsPerEpoch: number;
  /** Held-out beginnings that are continued. */
  contexts: number;
  /** What it would hold at once. */
  memory: MemoryEstimate;
  /** What the system could give now; null where Node cannot tell, and on another device than the CPU. */
  availableBytes: number | null;
  /** Whether the memory suffices; null where that is not known. */
  fits: boolean | null;
  /** The smallest change with which it fits, as settings; null where it fits, and where none does. */
  change: string | null;
  /** What a person should know of the data before time is spent. */
  warnings: string[];
}

/** The model as far as a plan needs it: its config, its tokenizer, and where its weights stand. */
export type PlannedModel = Parameters<typeof loadRunData>[1] & { config: ModelConfig; files: { sources: readonly TensorSource[] } };

/**
 * Reads and cuts the data as a run does, and counts what the run would take. Writes nothing.
 * @throws HyperfitError as a run does before its first step: ERR_CONFIG, ERR_DATA, ERR_TOKENIZER; ERR_FETCH for a data set by
 *   name; ERR_MODEL_FILES for images
 *
 * @example
 * const { config } = normalizeConfig([{ name: 'options', values: { model: model.path, data: 'novel.txt', recompute: true } }]);
 * const { stepsPerEpoch, memory, fits, change } = await planRun(config, model);
 * if (fits === false) console.log(`${memory.totalBytes} bytes do not fit`, change);
 */
export async function planRun(config: RunConfig, model: PlannedModel): Promise<RunPlan> {
  const data = await loadRunData(config, model);
  const { train, contexts, warnings = [] } = data;
  const measured = { config: model.config, heldDtype: heldDtypeOf(model.files.sources, config.weightDtype) };
  const memory = estimateRunMemory(config, measured, data);
  const available = memory.device === 'cpu' ? freeMemory() : undefined;
  const fits = available === undefined ? null : memory.totalBytes <= available;
  return {
    sequences: train.length,
    longestSequence: train.reduce((most, { ids }) => Math.max(most, ids.length), 0),
    stepsPerEpoch: Math.ceil(train.length / config.batchSize),
    contexts: contexts.length,
    memory,
    availableBytes: available ?? null,
    fits,
    change: fits === false ? (cheapestChange(config, measured, data, available!) ?? null) : null,
    warnings,
  };
}
