import type { RunConfig } from '../config/fields.ts';
import { IGNORE_INDEX } from '../data/batch.ts';
import type { DataSummary } from '../data/data-summary.ts';
import type { Sequence } from '../data/sequences.ts';
import { HyperfitError } from '../errors.ts';
import { findSurroundings } from '../tokenizer/surroundings.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { DataModel } from '../train/training-data.ts';
import type { ImageRunModel } from './image-data.ts';
import { findMarks, type Mark } from './marks.ts';
import { decodePieces } from './pieces.ts';
import { loadRunData } from './run-data.ts';

/** What a run with these settings would train on. Plain JSON. */
export interface DataInspection extends DataSummary {
  /** What is worth knowing. */
  warnings: string[];
  /** Null without a tokenizer. */
  special: SpecialTokens | null;
  /** The first training sequences. */
  examples: InspectedSequence[];
}

/** Which tokens the tokenizer puts around a text. */
export interface SpecialTokens {
  /** Put before every sequence of a text that does not begin with them. */
  start: NamedToken[];
  /** Put behind every text that does not end with them; `by` says who asks for it. */
  end: { tokens: NamedToken[]; by: 'tokenizer' | 'appendEos' | null };
  /** Special tokens in the training sequences, and text that looks like one and is none. */
  marks: Mark[];
}

/** An id with its text. */
export interface NamedToken {
  /** Of the token. */
  id: number;
  /** As text. */
  text: string;
}

/** A sequence as it would train. */
export interface InspectedSequence {
  /** Where it comes from: a file, with a line where there is one. */
  source: string;
  /** Place of its first token. */
  offset: number;
  /** Token ids. */
  ids: number[];
  /** Runs of tokens that are learnt, and of those that are not, as text; without a tokenizer as ids. */
  runs: { text: string; isLearnt: boolean }[];
}

/**
 * Reads, cuts and parts the data as a run does, and shows what comes of it.
 * @throws HyperfitError as a run does: ERR_CONFIG, ERR_DATA, ERR_TOKENIZER
 *
 * @example
 * const { config } = normalizeConfig([{ name: 'options', values: { model: 'my-model', data: 'novel.txt', samples: 64 } }]);
 * const { trained, heldOut: kept, notes } = await inspectData(config, model);
 */
export async function inspectData(
  config: RunConfig,
  model: Omit<DataModel, 'tokenizer'> & { tokenizer: Tokenizer | undefined } & ImageRunModel,
  { examples = 3 } = {},
): Promise<DataInspection> {
  if (config.images !== null) throw new HyperfitError('ERR_CONFIG', 'expected text to inspect for `data`, got `images`; leave them out');
  const { train, summary, warnings = [] } = await loadRunData(config, model);
  const { tokenizer } = model;
  return {
    ...summary!,
    warnings,
    special: tokenizer === undefined ? null : await inspectSpecialTokens(config, train, tokenizer),
    examples: train.slice(0, examples).map((sequence) => inspectSequence(sequence, tokenizer)),
  };
}

async function inspectSpecialTokens({ appendEos }: RunConfig, train: readonly Sequence[], tokenizer: Tokenizer): Promise<SpecialTokens> {
  const { start, end } = await findSurroundings(tokenizer);
  const named = (ids: ArrayLike<number>): NamedToken[] => Array.from(ids, (id) => ({ id, text: tokenizer.tokenText(id) }));
  const added = end.length > 0 ? end : appendEos ? tokenizer.eosTokenIds.slice(0, 1) : [];
  return {
    start: named(start),
    end: { tokens: named(added), by: end.length > 0 ? 'tokenizer' : appendEos ? 'appendEos' : null },
    marks: await findMarks(
      train.map(({ ids, startLength = 0 }) => ids.subarray(startLength)),
      tokenizer,
    ),
  };
}

function inspectSequence({ source, offset, ids, targets }: Sequence, tokenizer: Tokenizer | undefined): InspectedSequence {
  const pieces = tokenizer === undefined ? Array.from(ids, (id) => `${id} `) : decodePieces(tokenizer, ids);
  const runs: InspectedSequence['runs'] = [];
  pieces.forEach((text, at) => {
    // Nothing comes before the first token, so that it is never predicted.
    const isLearnt = at > 0 && (targets === undefined || targets[at - 1] !== IGNORE_INDEX);
    const last = runs.at(-1);
    if (last?.isLearnt === isLearnt) last.text += text;
    else runs.push({ text, isLearnt });
  });
  return { source, offset, ids: Array.from(ids), runs };
}
