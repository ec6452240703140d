import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { disposeAdditions, type LowRankAddition } from '../model/adapter.ts';
import { writeGgufAdapter } from '../model/adapter-gguf.ts';
import { writeAdapter } from '../model/adapter-save.ts';
import { shortModelName } from '../model/base-name.ts';
import type { Model } from '../model/model.ts';
import type { ModelCard } from '../model/model-card.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { GATE_MARGINS, measureText, type GateFigures } from './export-gate.ts';
import { addRanks, cutFactors, disposeFactors, factoriseUpdate, type MatrixFactors } from './update-factors.ts';

export interface PatchOptions {
  /** Columns of each addition; undefined takes the smallest of PATCH_RANKS that decodes as the hyperfitted model does. */
  rank?: number | undefined;
  /** Beginnings of text that was held out, to decode from; needed without `rank`. */
  contexts?: readonly Int32Array[];
  /** Of a continuation. Default 96. */
  maxNewTokens?: number;
  /** Also writes the base with the patch added, a whole model. Default true. */
  merged?: boolean;
  card?: Partial<ModelCard> | undefined;
  onProgress?: (message: string) => void;
}

/** Ranks that are tried, smallest first. */
export const PATCH_RANKS = [1, 2, 4, 8, 16, 32, 64, 128] as const;

/** A matrix, and what share of the squares of its update the patch keeps. */
export interface PatchedMatrix {
  parameter: string;
  rank: number;
  energyKept: number;
}

export interface PatchResult {
  rank: number;
  numbers: number;
  /** Of the matrices of the layers together. */
  energyKept: number;
  /** Share of the squares of the whole update that lies in these matrices; the rest (embedding, head, norms, biases) stays as it was. */
  shareInMatrices: number;
  matrices: PatchedMatrix[];
  /** Text of the hyperfitted model, and of the base with the patch at each rank that was tried; null where nothing was decoded. */
  hyperfitted: GateFigures | null;
  tried: { rank: number; figures: GateFigures; passes: boolean }[];
  adapter: string;
  /** Null for a family that llama.cpp does not have. */
  gguf: string | null;
  merged: string | null;
}

/**
 * The update of hyperfitting as a patch of low rank: the truncated singular value decomposition of (hyperfitted - base), matrix by matrix of the layers, written as
 * a PEFT adapter, as a GGUF adapter and merged. `base` holds the patched weights afterwards.
 * Source: Eckart and Young 1936; the best approximation of each rank in the sum of squares.
 * @throws HyperfitError ERR_CONFIG for options, ERR_MODEL_FILES for models of other shapes or without a difference, ERR_CHECKPOINT for a folder that is there
 */
export async function patchModel(hyperfitted: Model, base: Model, out: string, options: PatchOptions = {}): Promise<PatchResult> {
  const { rank, contexts = [], onProgress = () => {} } = options;
  checkOptions(hyperfitted, base, out, options);
  const { matrices: factors, shareInMatrices } = await factoriseUpdate(hyperfitted, base, rank ?? PATCH_RANKS.at(-1)!, onProgress);
  try {
    const hyperfittedText = contexts.length === 0 ? null : (await measureText(hyperfitted, { contexts, maxNewTokens: options.maxNewTokens ?? 96 })).figures;
    const { chosen, tried } = await chooseRank(base, factors, hyperfittedText, options);
    const additions = factors.map((each) => cutFactors(each, 0, chosen));
    try {
      const written = await write(base, additions, resolve(out), options);
      return { rank: chosen, ...describe(factors, chosen), shareInMatrices, hyperfitted: hyperfittedText, tried, ...written };
    } finally {
      disposeAdditions(additions);
    }
  } finally {
    disposeFactors(factors);
  }
}

function checkOptions(hyperfitted: Model, base: Model, out: string, { rank, contexts = [] }: PatchOptions): void {
  if (rank !== undefined && !(Number.isSafeInteger(rank) && rank >= 1)) throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for \`rank\`, got ${String(rank)}; leave it out to let the text decide`);
  if (rank === undefined && contexts.length === 0) throw new HyperfitError('ERR_CONFIG', 'expected `rank`, or `contexts` to choose one by, got neither; give one of them');
  if (existsSync(out)) throw new HyperfitError('ERR_CHECKPOINT', `expected a new folder for the patch, got ${out}, which is there already; choose another`);
  const shapes = (model: Model): string => JSON.stringify(shapesOf(model));
  if (shapes(hyperfitted) !== shapes(base)) throw new HyperfitError('ERR_MODEL_FILES', 'expected the model that training began with as the base, got one of other parameters; give --base');
}

function shapesOf(model: Model): [string, number[]][] {
  const parameters = model.parameters();
  const shapes = [...parameters].map(([name, tensor]): [string, number[]] => [name, tensor.shape]);
  disposeAll(parameters.values());
  return shapes;
}

async function chooseRank(base: Model, factors: readonly MatrixFactors[], hyperfitted: GateFigures | null, { rank, contexts = [], maxNewTokens = 96, onProgress = () => {} }: PatchOptions): Promise<{ chosen: number; tried: PatchResult['tried'] }> {
  const tried: PatchResult['tried'] = [];
  let added = 0;
  for (const candidate of rank === undefined ? PATCH_RANKS : [rank]) {
    addRanks(base, factors, [added, candidate]);
    added = candidate;
    if (hyperfitted === null) return { chosen: candidate, tried };
    const { figures } = await measureText(base, { contexts, maxNewTokens });
    const passes = isAsGood(figures, hyperfitted);
    tried.push({ rank: candidate, figures, passes });
    onProgress(`rank ${candidate}: TTR ${figures.ttr?.toFixed(3) ?? '-'}, rep-2 ${figures.rep2?.toFixed(3) ?? '-'}${passes ? ', as the hyperfitted model' : ''}`);
    if (passes) return { chosen: candidate, tried };
  }
  return { chosen: added, tried };
}

/** By the margins of the export gate. */
function isAsGood({ ttr, rep2 }: GateFigures, hyperfitted: GateFigures): boolean {
  return (ttr ?? 0) >= GATE_MARGINS.ttr * (hyperfitted.ttr ?? 0) && (rep2 ?? 1) <= (hyperfitted.rep2 ?? 1) + GATE_MARGINS.rep2;
}

function describe(factors: readonly MatrixFactors[], rank: number): Pick<PatchResult, 'matrices' | 'energyKept' | 'numbers'> {
  const kept = ({ squares, total }: MatrixFactors): number => Math.min(total, squares.slice(0, rank).reduce((sum, square) => sum + square, 0));
  const matrices = factors.map((each) => ({ parameter: each.parameter, rank: Math.min(rank, each.squares.length), energyKept: each.total === 0 ? 1 : kept(each) / each.total }));
  const [sum, total] = [factors.reduce((all, each) => all + kept(each), 0), factors.reduce((all, each) => all + each.total, 0)];
  const numbers = factors.reduce((all, { a, b, squares }) => all + Math.min(rank, squares.length) * (a.shape[1]! + b.shape[0]!), 0);
  return { matrices, energyKept: sum / total, numbers };
}

/** The folder appears whole. */
async function write(base: Model, additions: readonly LowRankAddition[], out: string, { merged = true, card }: PatchOptions): Promise<Pick<PatchResult, 'adapter' | 'gguf' | 'merged'>> {
  const partial = `${out}.${process.pid}.partial`;
  let gguf: string | null = 'adapter.gguf';
  try {
    await makeFolder(partial);
    await writeAdapter(join(partial, 'adapter'), additions, { config: base.config, baseModel: base.path, card: card && { ...card, tags: ['lora'] } });
    await writeGgufAdapter(join(partial, gguf), additions, base.config, `patch of ${shortModelName(base.path)}`).catch((error: unknown) => {
      if (!(error instanceof HyperfitError) || error.code !== 'ERR_UNSUPPORTED_MODEL') throw error;
      gguf = null;
    });
    if (merged) await base.save(join(partial, 'merged'), { card });
    await rename(partial, out);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  return { adapter: join(out, 'adapter'), gguf: gguf === null ? null : join(out, gguf), merged: merged ? join(out, 'merged') : null };
}
