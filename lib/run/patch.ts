import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { addProduct, disposeAdditions, type LowRankAddition } from '../model/adapter.ts';
import { writeGgufAdapter } from '../model/adapter-gguf.ts';
import { writeAdapter } from '../model/adapter-save.ts';
import { shortModelName } from '../model/base-name.ts';
import type { Model } from '../model/model.ts';
import type { ModelCard } from '../model/model-card.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import { GATE_MARGINS, measureText, type GateFigures } from './export-gate.ts';

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

/** U, S and V of an update, cut to the largest rank that may be asked for. */
interface Factors {
  parameter: string;
  /** [out, r] and [r, in], each with the root of the singular values. */
  b: Tensor;
  a: Tensor;
  /** Squares of the singular values up to r, and of all. */
  squares: number[];
  total: number;
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
  const { factors, shareInMatrices } = await factorise(hyperfitted, base, rank ?? PATCH_RANKS.at(-1)!, onProgress);
  try {
    const hyperfittedText = contexts.length === 0 ? null : (await measureText(hyperfitted, { contexts, maxNewTokens: options.maxNewTokens ?? 96 })).figures;
    const { chosen, tried } = await chooseRank(base, factors, hyperfittedText, options);
    const additions = factors.map((each) => cut(each, 0, chosen));
    try {
      const written = await write(base, additions, resolve(out), options);
      return { rank: chosen, ...describe(factors, chosen), shareInMatrices, hyperfitted: hyperfittedText, tried, ...written };
    } finally {
      disposeAdditions(additions);
    }
  } finally {
    disposeAll(factors.flatMap(({ a, b }) => [a, b]));
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

const IN_LAYER = /^(?:model\.layers|transformer\.h)\.\d+\./;

async function factorise(hyperfitted: Model, base: Model, most: number, onProgress: (message: string) => void): Promise<{ factors: Factors[]; shareInMatrices: number }> {
  const [after, before] = [hyperfitted.parameters(), base.parameters()];
  const factors: Factors[] = [];
  let everything = 0;
  try {
    for (const [parameter, tensor] of after) {
      const isMatrix = IN_LAYER.test(parameter) && tensor.shape.length === 2;
      if (isMatrix) factors.push(decompose(parameter, tensor, before.get(parameter)!, base.config.weightLayout === 'fused', most));
      everything += isMatrix ? factors.at(-1)!.total : scope(() => squareSum(tensor.sub(before.get(parameter)!)));
      if (isMatrix && factors.length % 7 === 0) onProgress(`${factors.length} matrices decomposed`);
      // Signals and other work get their turn.
      await new Promise(setImmediate);
    }
  } finally {
    disposeAll([...after.values(), ...before.values()]);
  }
  const inMatrices = factors.reduce((sum, { total }) => sum + total, 0);
  if (inMatrices > 0) return { factors, shareInMatrices: inMatrices / everything };
  disposeAll(factors.flatMap(({ a, b }) => [a, b]));
  throw new HyperfitError('ERR_MODEL_FILES', 'expected a model whose layers differ from its base, got one that is the same; give the run, and the model that it began with as --base');
}

function squareSum(tensor: Tensor): number {
  return Number(tensor.square().sum().item());
}

function decompose(parameter: string, after: Tensor, before: Tensor, isTransposed: boolean, most: number): Factors {
  let [squares, total]: [number[], number] = [[], 0];
  const [b, a] = scope(() => {
    const difference = after.sub(before);
    total = squareSum(difference);
    const [u, s, v] = torch.call('aten::linalg_svd', [isTransposed ? difference.t() : difference], { full_matrices: false }) as [Tensor, Tensor, Tensor];
    const rank = Math.min(most, s.shape[0]!);
    const root = s.narrow(0, 0, rank).sqrt();
    squares = Array.from(s.narrow(0, 0, rank).toTypedArray() as Float32Array, (value) => value ** 2);
    return [u.narrow(1, 0, rank).mul(root), v.narrow(0, 0, rank).mul(root.reshape([rank, 1]))] as const;
  });
  return { parameter, a, b, squares, total };
}

/** Columns `from` to `to` of the product, where the matrix has so many. */
function cut({ parameter, a, b }: Factors, from: number, to: number): LowRankAddition {
  const end = Math.min(to, a.shape[0]!);
  const [left, right] = scope(() => [a.narrow(0, from, end - from).mul(1), b.narrow(1, from, end - from).mul(1)] as const);
  return { parameter, scale: 1, a: left, b: right };
}

async function chooseRank(base: Model, factors: readonly Factors[], hyperfitted: GateFigures | null, { rank, contexts = [], maxNewTokens = 96, onProgress = () => {} }: PatchOptions): Promise<{ chosen: number; tried: PatchResult['tried'] }> {
  const tried: PatchResult['tried'] = [];
  let added = 0;
  for (const candidate of rank === undefined ? PATCH_RANKS : [rank]) {
    addRanks(base, factors, added, candidate);
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

function addRanks(base: Model, factors: readonly Factors[], from: number, to: number): void {
  const parameters = base.parameters();
  try {
    for (const each of factors) {
      if (from >= each.a.shape[0]!) continue;
      const addition = cut(each, from, to);
      addProduct(parameters.get(each.parameter)!, addition, base.config.weightLayout === 'fused');
      disposeAdditions([addition]);
    }
  } finally {
    disposeAll(parameters.values());
  }
}

/** By the margins of the export gate. */
function isAsGood({ ttr, rep2 }: GateFigures, hyperfitted: GateFigures): boolean {
  return (ttr ?? 0) >= GATE_MARGINS.ttr * (hyperfitted.ttr ?? 0) && (rep2 ?? 1) <= (hyperfitted.rep2 ?? 1) + GATE_MARGINS.rep2;
}

function describe(factors: readonly Factors[], rank: number): Pick<PatchResult, 'matrices' | 'energyKept' | 'numbers'> {
  const kept = ({ squares, total }: Factors): number => Math.min(total, squares.slice(0, rank).reduce((sum, square) => sum + square, 0));
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
