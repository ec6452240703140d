import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pickBlockerSettings, type BlockerSettings, type RunConfig } from '../config/fields.ts';
import { isIdsDocument } from '../data/document.ts';
import { readDocuments } from '../data/documents.ts';
import { HyperfitError } from '../errors.ts';
import { readComparisonFile } from '../run/comparison-file.ts';
import { originalModel } from '../run/original-model.ts';
import { savedRunFile, type RunFile } from '../run/run-file.ts';
import { readingRun, runFolder, type RunFolder } from '../run/run-folder.ts';

/** A sequence that the run was trained on, and where it was cut from. */
export interface TrainedSequence {
  ids: Int32Array;
  source: string;
  /** Of its first token, there. */
  offset: number;
}

/** A beginning that the run did not train on. */
export interface Opening {
  text: string;
  source: string;
}

/** What of a run the page shows and needs. */
export interface PlayedRun {
  /** As tables and messages call it. */
  name: string;
  /** Where the model stands that the run began from. */
  original: string;
  /** Its settings, checked. */
  config: RunConfig;
  /** Settings of its citation blocker. */
  blocker: BlockerSettings;
  /** What is trained on. */
  train: readonly TrainedSequence[];
  /** Beginnings that it did not train on. */
  openings: readonly Opening[];
}

/** More would make a list that nobody reads. */
const MOST_OPENINGS = 64;

/**
 * Reads a run whose models are to write.
 * @throws HyperfitError ERR_CONFIG for what is no run, and for a run on images; ERR_CHECKPOINT for a damaged one, and ERR_DATA where its
 *   training sequences are; ERR_MODEL_FILES when the original model is gone
 *
 * @example
 * const { name, original: base, train, openings } = await readPlayedRun('runs/novel');
 * console.log(name, base, train.length, openings[0]?.text);
 */
export async function readPlayedRun(path: string): Promise<PlayedRun> {
  const folder = runFolder(path);
  if (!existsSync(folder.runFile)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected the folder of a run for \`run\`, got ${path}, which holds no run.json; make one with hyperfit train --out ${path}, or talk with a model by hyperfit chat --model`,
    );
  }
  const file = savedRunFile(folder);
  if (file.config.images !== null && file.config.images !== undefined) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a run on text for \`run\`, got ${path}, which learnt images; its report.html shows them`,
    );
  }
  const original = originalModel(folder, 'put it back there, or talk with hyperfit chat --model RUN --beside PATH');
  const documents = existsSync(folder.trainFile) ? (await readDocuments(folder.trainFile)).filter(isIdsDocument) : [];
  return readingRun(folder, () => ({
    name: basename(resolve(path)),
    original,
    config: file.config,
    blocker: pickBlockerSettings(file.config),
    ...shownTexts(folder, file, documents),
  }));
}

function shownTexts(folder: RunFolder, file: RunFile, documents: readonly { ids: Int32Array }[]): Pick<PlayedRun, 'train' | 'openings'> {
  const train = documents.map(({ ids }, index) => {
    const { source = folder.trainFile, offset = 0 } = file.data.samples[index] ?? {};
    return { ids, source: basename(source), offset };
  });
  const contexts = existsSync(folder.comparisonFile) ? readComparisonFile(folder).contexts : [];
  const openings = contexts
    .flatMap(({ contextText, source }) => (contextText === undefined ? [] : [{ text: contextText, source: basename(source) }]))
    .slice(0, MOST_OPENINGS);
  return { train, openings };
}
