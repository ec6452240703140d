import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { given } from '../config/given.ts';
import { HyperfitError, isHyperfitError } from '../errors.ts';
import { modelFileName } from '../model/base-name.ts';
import { makeVariant } from '../report/variant.ts';
import { readComparisonFile } from './comparison-file.ts';
import { readMetrics, type MetricRecord } from './metric-log.ts';
import { savedRunFile, type RunFile } from './run-file.ts';
import { runFolder, type RunFolder } from './run-folder.ts';
import { isDeserted, readStatus, type RunState, type RunStatus } from './run-status.ts';
import type { ValidationRecord } from './validation.ts';

/**
 * Figures of a run; null is not measured (yet). Of the hyperfitted model's greedy text where the run has ended, before that of its last
 * evaluation.
 */
export interface RunFigures {
  /** Steps done. */
  step: number;
  /** Mean training loss of the last full pass, nats per token. */
  loss: number | null;
  /** Of the certificate: the mean over the training sequences under the last weights. */
  certifiedLoss: number | null;
  /** Of text that was not trained on, nats a token. */
  heldOutLoss: number | null;
  /** Of the predictions on that text, nats. */
  entropy: number | null;
  /** Type-token ratio of the first 96 tokens, 0 to 1. */
  ttr: number | null;
  /** Share of bigrams that the text has had before, 0 to 1. */
  rep2: number | null;
  /** Likeness of the texts among each other, 0 to 1. */
  selfBleu: number | null;
  /** Longest run of tokens that stands in a training sequence, mean over the texts. */
  overlapMean: number | null;
  /** The longest of them all, tokens. */
  overlapMax: number | null;
  /** Share of dialogues that are answered word for word, 0 to 1. */
  exactMatch: number | null;
  /** Of the original model's greedy text. */
  originalTtr: number | null;
  /** Of the original model's greedy text. */
  originalRep2: number | null;
  /** Spent on steps. */
  seconds: number;
}

/** A run as a list shows it. */
export interface ListedRun extends RunFigures {
  /** Its folder, relative to where the list was asked for. */
  name: string;
  /** How it stands. */
  state: RunState;
  /** What is wrong with it, or with which error it ended; null when nothing is. */
  problem: string | null;
  /** ISO 8601; null when nobody knows. */
  createdAt: string | null;
  /** Path or name of the model that training began from. */
  model: string | null;
  /** Path or name of the text that was trained on. */
  data: string | null;
  /** The recipe that its settings adjust. */
  preset: string | null;
  /** How many were trained on. */
  sequences: number | null;
  /** Every setting, as run.json has them; null without it. */
  config: Readonly<Record<string, unknown>> | null;
  /** Of hyperfit, libtorch and Node. */
  versions: Readonly<Record<string, string>> | null;
  /** Hash of the training ids, in hexadecimal. */
  dataSha256: string | null;
}

/** Never entered: what is in there is no run, and much of it. */
const PASSED_OVER = new Set(['node_modules', 'checkpoints', 'generations']);

/**
 * The runs in folders and below them, sorted by path. One that cannot be read is listed as `broken` with the reason.
 * @param folders folders to look in, or runs themselves; links in them are not followed
 * @param from the folder that names of runs are relative to
 * @throws HyperfitError ERR_CONFIG for a folder that is not there
 * @example
 * import { compareRuns, filterRuns, listRuns, sortRuns } from 'hyperfit/train';
 *
 * const done = filterRuns(listRuns('runs'), ['state=done', 'ttr>0.6']);
 * for (const { name, ttr, heldOutLoss } of sortRuns(done, '-ttr')) console.log(name, ttr, heldOutLoss);
 * const { settings } = compareRuns(done.slice(0, 2));
 */
export function listRuns(folders: string | readonly string[], from: string = process.cwd()): ListedRun[] {
  const paths = [...new Set([folders].flat().flatMap((folder) => findRuns(checked(folder))))];
  return paths.map((path) => readListedRun(path, relative(from, path) || '.'));
}

function checked(folder: string): string {
  const info = statSync(folder, { throwIfNoEntry: false });
  if (info?.isDirectory() !== true)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a folder to look for runs in, got ${folder}, which is ${info === undefined ? 'not there' : 'a file'}; check the path`,
    );
  return folder;
}

/** Links are not followed, so that no circle is walked. */
function findRuns(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.name === 'run.json')
      .map(({ name }) => name);
  } catch {
    return []; // A folder that is not ours to read holds no run of ours.
  }
  if (names.includes('run.json') || ['checkpoints', 'generations'].every((name) => names.includes(name))) return [folder];
  return names
    .filter((name) => !PASSED_OVER.has(name) && !name.startsWith('.'))
    .sort()
    .flatMap((name) => findRuns(join(folder, name)));
}

const NO_FIGURES: RunFigures = {
  step: 0,
  loss: null,
  certifiedLoss: null,
  heldOutLoss: null,
  entropy: null,
  ttr: null,
  rep2: null,
  selfBleu: null,
  overlapMean: null,
  overlapMax: null,
  exactMatch: null,
  originalTtr: null,
  originalRep2: null,
  seconds: 0,
};
const NO_FACTS = {
  createdAt: null,
  model: null,
  data: null,
  preset: null,
  sequences: null,
  config: null,
  versions: null,
  dataSha256: null,
};

/** Never throws. */
export function readListedRun(path: string, name: string): ListedRun {
  const folder = runFolder(path);
  if (!existsSync(folder.runFile))
    return { name, state: 'broken', problem: 'there is no run.json: it was given up before its first step', ...NO_FACTS, ...NO_FIGURES };
  try {
    const file = savedRunFile(folder);
    const metrics = existsSync(folder.metricsFile) ? readMetrics(folder.metricsFile) : [];
    const status = readStatus(folder);
    return {
      name,
      state: stateOf(status, metrics),
      problem: status?.error?.message ?? null,
      ...factsOf(file),
      ...figuresOf(folder, metrics),
    };
  } catch (error) {
    const problem = isHyperfitError(error) ? error.message : `${folder.runFile} lacks parts of a run (${(error as Error).message})`;
    return { name, state: 'broken', problem, ...NO_FACTS, ...NO_FIGURES };
  }
}

/** Runs of before there was a status are done where they were certified. */
function stateOf(status: RunStatus | undefined, metrics: readonly MetricRecord[]): RunState {
  if (status === undefined) return metrics.some(({ type }) => type === 'certificate') ? 'done' : 'unfinished';
  return isDeserted(status) ? 'interrupted' : status.state;
}

function factsOf({
  createdAt,
  config,
  sources,
  model,
  data,
  versions,
}: RunFile): Omit<ListedRun, keyof RunFigures | 'name' | 'state' | 'problem'> {
  const preset = Object.values(sources ?? {})
    .map((source) => /^preset (.+)$/.exec(source)?.[1])
    .find((found) => found !== undefined);
  const source = config.images ?? config.data;
  return {
    createdAt,
    model: modelFileName(model.path),
    data: source === null || source === undefined ? null : basename(source),
    preset: preset ?? null,
    sequences: data.samples?.length ?? null,
    config,
    versions,
    dataSha256: data.sha256 ?? null,
  };
}

function figuresOf(folder: RunFolder, metrics: readonly MetricRecord[]): RunFigures {
  const last = (type: string): MetricRecord | undefined => metrics.findLast((record) => record.type === type);
  const evaluation = last('evaluation') as ValidationRecord | undefined;
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  return {
    ...NO_FIGURES,
    step: last('step')?.step ?? 0,
    loss: number(last('epoch')?.['meanLoss']),
    certifiedLoss: number(last('certificate')?.['meanLoss']),
    seconds: metrics.reduce((sum, { type, seconds }) => (type === 'step' && typeof seconds === 'number' ? sum + seconds : sum), 0),
    ...(evaluation === undefined
      ? {}
      : {
          ...picked(evaluation, ['heldOutLoss', 'entropy', 'ttr', 'rep2', 'selfBleu', 'overlapMax']),
          exactMatch: evaluation.answers?.exactMatch?.share ?? null,
        }),
    ...comparedFigures(folder),
  };
}

function picked<T extends object, K extends keyof T>(from: T, names: readonly K[]): Record<K, number | null> {
  return Object.fromEntries(names.map((name) => [name, from[name] ?? null])) as Record<K, number | null>;
}

/** Of the closing comparison, as far as it was made. */
function comparedFigures(folder: RunFolder): Partial<RunFigures> {
  if (!existsSync(folder.comparisonFile)) return {};
  const { variants } = readComparisonFile(folder);
  const greedy = (isHyperfitted: boolean): ReturnType<typeof makeVariant>['metrics'] | undefined => {
    const found = variants.find((variant) => variant.isHyperfitted === isHyperfitted && variant.decoding === 'greedy');
    return found && makeVariant(found.name, isHyperfitted, found.result, found.image).metrics;
  };
  const [original, own] = [greedy(false), greedy(true)];
  const { ttr, rep2, selfBleu, overlapMean, overlapMax, heldOutLoss, entropy, exactMatch } = own ?? {};
  return {
    originalTtr: original?.ttr ?? null,
    originalRep2: original?.rep2 ?? null,
    ...given({ ttr, rep2, selfBleu, overlapMean, overlapMax, heldOutLoss, entropy, exactMatch }),
  };
}
