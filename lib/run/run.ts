import { existsSync } from 'node:fs';
import { withHooks } from '../callbacks.ts';
import type { RunConfig } from '../config/fields.ts';
import type { NormalizedConfig } from '../config/normalize.ts';
import { configWarnings } from '../config/warnings.ts';
import { toIdsLine } from '../data/labels.ts';
import { onDisk } from '../disk-errors.ts';
import { heldDtypeIn, heldDtypeOf } from '../model/held-dtype.ts';
import { trainingLossFloor } from '../evaluate/loss-floor.ts';
import { renderChange, resumeIn } from './resume-changes.ts';
import { loadRunData } from './run-data.ts';
import type { RunHooks, RunResult } from './run-events.ts';
import { writeRunFile } from './run-file.ts';
import { freshRunPath, openRunFolder, removeEmptyFolders, writeJsonLines, type RunFolder } from './run-folder.ts';
import { RunInProgress } from './run-in-progress.ts';
import { requireMemory, type MeasuredModel } from './run-memory.ts';
import { endRun, startRun, type RunStart } from './run-start.ts';
import { withStatus } from './run-status.ts';
import { trainingExamples } from './training-examples.ts';

export type { RunEvent, RunHooks, RunResult } from './run-events.ts';

/**
 * A whole run, from model files to report: load, cut sequences, train, save, generate, evaluate, report; what `hyperfit train` does. Its
 * folder is described in docs/files.md. One process at a time writes a run.
 * @param normalized - settings, as `normalizeConfig` gives them
 * @throws HyperfitError ERR_CONFIG for a folder that is not new; ERR_BUSY while another process writes the run; ERR_CHECKPOINT for a resume
 *   that would not be one, and for the last save; ERR_NOT_FINITE; as the stages do; and what a hook throws or its promise rejects with.
 *   Whatever was saved before stays
 *
 * @example
 * const settings = { model: 'HuggingFaceTB/SmolLM2-135M-Instruct', data: 'novel.txt', out: 'runs/novel' };
 * const config = normalizeConfig([{ name: 'options', values: settings }, { name: 'preset', values: PRESETS.demo }]);
 * const { folder, certificate } = await run(config, {
 *   onEvent: (event) => event.type === 'evaluation' && console.log(event.step, event.ttr),
 * });
 * console.log(folder, certificate?.meanLoss);
 */
export async function run(normalized: NormalizedConfig, hooks: RunHooks = {}): Promise<RunResult> {
  return withHooks(hooks, (safe) => runWith(normalized, safe));
}

/** A run that is refused before it begins leaves nothing that a second try would stumble on. */
async function runWith(normalized: NormalizedConfig, hooks: RunHooks): Promise<RunResult> {
  const path = normalized.config.out ?? freshRunPath(new Date());
  const isNew = !existsSync(path);
  const { folder, lock } = await openRunFolder(path, normalized.config.resume);
  try {
    return await onDisk('a run', path, () => runIn(folder, normalized, hooks));
  } finally {
    await lock.release();
    if (!existsSync(folder.runFile)) await removeEmptyFolders(folder, isNew);
  }
}

async function runIn(folder: RunFolder, normalized: NormalizedConfig, hooks: RunHooks): Promise<RunResult> {
  const { config } = normalized;
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    hooks.onWarning?.(message);
  };
  const start = await startRun(config, folder, warn, hooks.signal);
  try {
    const data = await loadRunData(config, start.model);
    resumeIn(start, data.train, config);
    if (start.changes.length > 0) warn(`resumed with changes: ${start.changes.map(renderChange).join(', ')}`);
    data.warnings?.forEach(warn);
    configWarnings(config, data.train.length, { floor: trainingLossFloor(data.train) }).forEach(warn);
    requireMemory(config, measure(start, config), data, heldBytes(start));
    const examples = data.images === undefined ? trainingExamples(data.train, start.model.tokenizer) : undefined;
    await writeRunFile(folder, {
      normalized,
      model: start.model,
      train: data.train,
      summary: data.summary,
      examples,
      warnings,
      resumedAt: start.state?.step,
      changes: start.changes,
    });
    await writeJsonLines(folder.trainFile, data.train.map(toIdsLine));
    return await withStatus(folder, hooks.signal, () => new RunInProgress(config, folder, start, data, hooks).complete());
  } finally {
    endRun(start);
  }
}

function measure({ model }: RunStart, { weightDtype }: RunConfig): MeasuredModel {
  const heldDtype = model.computeDtype === 'bfloat16' ? heldDtypeIn(model.memoryUsage()) : heldDtypeOf(model.files.sources, weightDtype);
  return { config: model.config, heldDtype };
}

/** Of what a run takes, bytes that its beginning has taken already. */
function heldBytes({ model, optimizer }: RunStart): number {
  const { parameterBytes, computeBytes } = model.memoryUsage();
  return parameterBytes + computeBytes + optimizer.heldBytes;
}
