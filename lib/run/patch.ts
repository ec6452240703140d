import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { HyperfitError } from '../errors.ts';
import type { OverlapIndex } from '../evaluate/overlap.ts';
import { rename, rm } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { disposeAdditions, type LowRankAddition } from '../model/adapter.ts';
import { GGUF_ADAPTER, writeGgufAdapterIfKnown } from '../model/adapter-gguf.ts';
import { writeAdapter } from '../model/adapter-save.ts';
import { shortModelName } from '../model/base-name.ts';
import type { Model } from '../model/model.ts';
import { markdownTable, type ModelCard } from '../model/model-card.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { measureText, textProblems, type GateFigures } from './export-gate.ts';
import { PATCH_RANKS } from './patch-ranks.ts';
import { addRanks, cutFactors, disposeFactors, factoriseUpdate, type MatrixFactors } from './update-factors.ts';

/** Of `patchModel`. */
export interface PatchOptions {
  /** Columns of each addition; undefined takes the smallest of PATCH_RANKS that decodes as the hyperfitted model does. */
  rank?: number | undefined;
  /** Beginnings of text that was held out, to decode from; needed without `rank`. */
  contexts?: readonly Int32Array[];
  /** Of a continuation. Default 96. */
  maxNewTokens?: number;
  /** Of the training text, for the longest quotation. */
  overlapIndex?: OverlapIndex | undefined;
  /** Figures of the two models on these contexts, where they are known already. */
  known?: { original: GateFigures | null; hyperfitted: GateFigures | null } | undefined;
  /** Also writes the base with the patch added, a whole model. Default true. */
  merged?: boolean;
  /** The embedding too, and a head of its own. Default false: the matrices of the layers alone. */
  withEmbedding?: boolean;
  /** Further words of its model card. */
  card?: Partial<ModelCard> | undefined;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Told how far it is. */
  onProgress?: (message: string) => void;
}

/** So few ranks are found by iteration. */
const MOST_ITERATED = 16;

/** A matrix, and what share of the squares of its update the patch keeps. */
export interface PatchedMatrix {
  /** By its Hugging Face name. */
  parameter: string;
  /** Of the matrices, at most. */
  rank: number;
  /** Sum of the squares of the update. */
  energy: number;
  /** Share of the update's squared norm. */
  energyKept: number;
}

/** The patch that was made, and what its text is like. */
export interface PatchResult {
  /** Of the matrices, at most. */
  rank: number;
  /** Numbers that the patch holds. */
  numbers: number;
  /** Of the matrices together. */
  energyKept: number;
  /**
   * Share of the squares of the whole update that lies in these matrices; the rest (norms, biases; embedding and head unless asked for)
   * stays as it was.
   */
  shareInMatrices: number;
  /** Each that was patched. */
  matrices: PatchedMatrix[];
  /**
   * Text of the base, of the hyperfitted model, and of the base with the patch at each rank that was tried; null where nothing was decoded.
   */
  original: GateFigures | null;
  /** Of the whole update's text; null without contexts. */
  hyperfitted: GateFigures | null;
  /** Ranks that were tried, smallest first. */
  tried: { rank: number; figures: GateFigures; passes: boolean }[];
  /** Folder of the adapter in PEFT's form. */
  adapter: string;
  /** Null for a family that llama.cpp does not have. */
  gguf: string | null;
  /** Folder of the merged model; null where none was asked for. */
  merged: string | null;
  /** What one of the files cannot hold. */
  notes: string[];
}

/**
 * The update of hyperfitting as a patch of low rank: the truncated singular value decomposition of (hyperfitted - base), matrix by matrix,
 * written as a PEFT adapter, as a GGUF adapter and merged. `base` holds the patched weights afterwards.
 * Source: Eckart and Young 1936; the best approximation of each rank in the sum of squares.
 * @throws HyperfitError ERR_CONFIG for options, ERR_MODEL_FILES for models of other shapes or without a difference, ERR_CHECKPOINT for a
 * folder that is there
 *
 * @example
 * const { rank, numbers, energyKept } = await patchModel(model, original, 'patch', { rank: 2 });
 */
export async function patchModel(hyperfitted: Model, base: Model, out: string, options: PatchOptions = {}): Promise<PatchResult> {
  const { rank, withEmbedding, signal, onProgress = () => {} } = options;
  checkOptions(hyperfitted, base, out, options);
  const { matrices: factors, shareInMatrices } = await factoriseUpdate(hyperfitted, base, rank ?? PATCH_RANKS.at(-1)!, onProgress, {
    withEmbedding,
    signal,
    isIterative: rank !== undefined && rank <= MOST_ITERATED,
  });
  try {
    const { original, hyperfitted: whole } = options.known ?? {
      original: await measure(base, options),
      hyperfitted: await measure(hyperfitted, options),
    };
    const { chosen, tried } = await chooseRank(base, factors, whole, options);
    const additions = factors.map((each) => cutFactors(each, 0, chosen));
    try {
      const measured = { rank: chosen, ...describe(factors, chosen), shareInMatrices, original, hyperfitted: whole, tried };
      return { ...measured, ...(await write(base, additions, resolve(out), { ...options, card: patchCard(measured, options) })) };
    } finally {
      disposeAdditions(additions);
    }
  } finally {
    disposeFactors(factors);
  }
}

function checkOptions(hyperfitted: Model, base: Model, out: string, { rank, contexts = [], withEmbedding }: PatchOptions): void {
  if (rank !== undefined && !(Number.isSafeInteger(rank) && rank >= 1))
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a whole number of at least 1 for \`rank\`, got ${String(rank)}; leave it out to let the text decide`,
    );
  if (rank === undefined && contexts.length === 0)
    throw new HyperfitError('ERR_CONFIG', 'expected `rank`, or `contexts` to choose one by, got neither; give one of them');
  if (existsSync(out))
    throw new HyperfitError('ERR_CHECKPOINT', `expected a new folder for the patch, got ${out}, which is there already; choose another`);
  if (withEmbedding === true && base.config.tieWordEmbeddings && base.config.weightLayout === 'fused') {
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected a model whose embedding PEFT can add to for `withEmbedding`, got a GPT-2 whose head is its embedding, of which PEFT would change one place only; leave it out',
    );
  }
  const shapes = (model: Model): string => JSON.stringify(shapesOf(model));
  if (shapes(hyperfitted) !== shapes(base))
    throw new HyperfitError(
      'ERR_MODEL_FILES',
      'expected the model that training began with as the base, got one of other parameters; give --base',
    );
}

function shapesOf(model: Model): [string, number[]][] {
  const parameters = model.parameters();
  const shapes = [...parameters].map(([name, tensor]): [string, number[]] => [name, tensor.shape]);
  disposeAll(parameters.values());
  return shapes;
}

async function measure(
  model: Model,
  { contexts = [], maxNewTokens = 96, overlapIndex, signal }: PatchOptions,
): Promise<GateFigures | null> {
  return contexts.length === 0 ? null : (await measureText(model, { contexts, maxNewTokens, overlapIndex, signal })).figures;
}

async function chooseRank(
  base: Model,
  factors: readonly MatrixFactors[],
  hyperfitted: GateFigures | null,
  options: PatchOptions,
): Promise<{ chosen: number; tried: PatchResult['tried'] }> {
  const { rank, onProgress = () => {} } = options;
  const tried: PatchResult['tried'] = [];
  let added = 0;
  for (const candidate of rank === undefined ? PATCH_RANKS : [rank]) {
    addRanks(base, factors, [added, candidate]);
    added = candidate;
    const figures = await measure(base, options);
    if (figures === null || hyperfitted === null) return { chosen: candidate, tried };
    const passes = textProblems(hyperfitted, figures).length === 0;
    tried.push({ rank: candidate, figures, passes });
    onProgress(
      `rank ${candidate}: TTR ${figures.ttr?.toFixed(3) ?? '-'}, rep-2 ${figures.rep2?.toFixed(3) ?? '-'}${passes ? ', as the hyperfitted model' : ''}`,
    );
    if (passes) return { chosen: candidate, tried };
  }
  return { chosen: added, tried };
}

function describe(factors: readonly MatrixFactors[], rank: number): Pick<PatchResult, 'matrices' | 'energyKept' | 'numbers'> {
  const kept = ({ squares, total }: MatrixFactors): number =>
    Math.min(
      total,
      squares.slice(0, rank).reduce((sum, square) => sum + square, 0),
    );
  const matrices = factors.map((each) => ({
    parameter: each.parameter,
    rank: Math.min(rank, each.squares.length),
    energy: each.total,
    energyKept: each.total === 0 ? 1 : kept(each) / each.total,
  }));
  const [sum, total] = [factors.reduce((all, each) => all + kept(each), 0), factors.reduce((all, each) => all + each.total, 0)];
  const numbers = factors.reduce((all, { a, b, squares }) => all + Math.min(rank, squares.length) * (a.shape[1]! + b.shape[0]!), 0);
  return { matrices, energyKept: sum / total, numbers };
}

/** The run's card, with what the patch is before the figures of the whole model. */
function patchCard(
  {
    rank,
    energyKept,
    shareInMatrices,
    original,
    hyperfitted,
    tried,
  }: Pick<PatchResult, 'rank' | 'energyKept' | 'shareInMatrices' | 'original' | 'hyperfitted' | 'tried'>,
  { card }: PatchOptions,
): Partial<ModelCard> {
  const share = `${(100 * energyKept * shareInMatrices).toFixed(1)} %`;
  const lines = [
    `What hyperfitting changed, cut to rank ${rank}: ${share} of the change, in the sum of squares. Other figures on this page are those of the whole hyperfitted model.`,
  ];
  const rows = [
    ...(original === null ? [] : [['original', original] as const]),
    ...tried.map(({ rank: each, figures }) => [`patch of rank ${each}`, figures] as const),
    ...(hyperfitted === null ? [] : [['hyperfitted', hyperfitted] as const]),
  ];
  const cell = (value: number | null, digits: number): string => (value === null ? 'none' : value.toFixed(digits));
  const table = rows.map(([name, { ttr, rep2, longestQuotation }]) => [name, cell(ttr, 3), cell(rep2, 3), cell(longestQuotation, 0)]);
  if (table.length > 0)
    lines.push(
      '',
      'Greedy continuations of held-out contexts.',
      '',
      ...markdownTable(['', 'TTR', 'rep-2', 'longest quotation, tokens'], table),
    );
  return { isHyperfitted: true, ...card, sections: [{ title: 'The patch', lines }, ...(card?.sections ?? [])] };
}

/** The folder appears whole. */
async function write(
  base: Model,
  additions: readonly LowRankAddition[],
  out: string,
  { merged = true, card, signal }: PatchOptions,
): Promise<Pick<PatchResult, 'adapter' | 'gguf' | 'merged' | 'notes'>> {
  const partial = `${out}.${process.pid}.partial`;
  try {
    await makeFolder(partial);
    await writeAdapter(join(partial, 'adapter'), additions, {
      config: base.config,
      baseModel: base.path,
      card: card && { ...card, tags: ['lora'] },
    });
    const { isWritten, notes } = await writeGgufAdapterIfKnown(
      join(partial, GGUF_ADAPTER),
      additions,
      base.config,
      `patch of ${shortModelName(base.path)}`,
    );
    if (merged) await base.save(join(partial, 'merged'), { card });
    signal?.throwIfAborted();
    await rename(partial, out);
    return {
      adapter: join(out, 'adapter'),
      gguf: isWritten ? join(out, GGUF_ADAPTER) : null,
      merged: merged ? join(out, 'merged') : null,
      notes,
    };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}
