import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CHECKPOINTS_FOLDER } from '../checkpoint/checkpoint-list.ts';
import { readComparisonFile } from './comparison-file.ts';
import type { GateFigures } from './export-gate.ts';
import { readRunJson, runFolder } from './run-folder.ts';
import type { RunFile } from './run-file.ts';

/** What a run knows that the gate asks for. */
export interface RunFacts {
  /** Beginnings from text that was held out. */
  contexts: Int32Array[];
  /** Sequences that were trained on, .jsonl. */
  trainFile: string | undefined;
  /** The model that training began from, if it is still there. */
  base: string | undefined;
  baseFigures: GateFigures | undefined;
}

/** The facts of the run whose folder, or one of whose checkpoints, `path` is; undefined for any other model. */
export function readRunFacts(path: string): RunFacts | undefined {
  const found = [path, dirname(path), dirname(dirname(path))].find(
    (folder) => existsSync(runFolder(folder).runFile) && (folder === path || path.includes(CHECKPOINTS_FOLDER) || path.endsWith('best')),
  );
  if (found === undefined) return undefined;
  const folder = runFolder(found);
  const { model } = readRunJson(folder.runFile) as RunFile;
  const comparison = existsSync(folder.comparisonFile) ? readComparisonFile(folder) : undefined;
  const original = comparison?.variants.find(({ isHyperfitted, decoding }) => !isHyperfitted && decoding === 'greedy')?.result;
  return {
    contexts: (comparison?.contexts ?? []).filter(({ isAnswer }) => isAnswer !== true).map(({ context }) => Int32Array.from(context)),
    trainFile: existsSync(folder.trainFile) ? folder.trainFile : undefined,
    base: existsSync(model.path) ? model.path : undefined,
    baseFigures:
      original === undefined ? undefined : { ttr: original.ttr, rep2: original.rep[2], longestQuotation: original.overlap?.max ?? null },
  };
}
