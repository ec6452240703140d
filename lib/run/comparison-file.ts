import { basename } from 'node:path';
import { existsSync } from 'node:fs';
import { given } from '../config/given.ts';
import type { Context } from '../data/selection.ts';
import type { EvaluatedGeneration } from '../evaluate/evaluation.ts';
import type { ComparedVariant } from './comparison.ts';
import { readingRun, readRunJson, writeJson, type RunFolder } from './run-folder.ts';
import { decodePieces, type Decoder } from './pieces.ts';

/** A context, and what a person wrote there, as ids and, where there is a tokenizer, as text. */
export interface StoredContext {
  context: number[];
  original: number[];
  source: string;
  contextText?: string;
  originalText?: string;
  /** `original` is the right answer to what `context` asks. */
  isAnswer?: true;
}

/** A continuation, with the text of each of its tokens where there is a tokenizer. */
export type StoredGeneration = EvaluatedGeneration & { pieces?: string[] };

/** comparison.json: each variant's figures and continuations. */
export interface ComparisonFile {
  schemaVersion: 1;
  contexts: StoredContext[];
  variants: (Omit<ComparedVariant, 'result'> & {
    result: Omit<ComparedVariant['result'], 'generations'> & { generations: StoredGeneration[] };
  })[];
}

export async function writeComparison(
  folder: RunFolder,
  variants: readonly ComparedVariant[],
  contexts: readonly Context[],
  tokenizer: Decoder | undefined,
): Promise<void> {
  const file = {
    schemaVersion: 1,
    contexts: await Promise.all(contexts.map((context) => storedContext(context, tokenizer))),
    variants: variants.map((variant) => storedVariant(variant, tokenizer)),
  };
  await writeJson(folder.comparisonFile, file);
}

async function storedContext({ context, original, source, isAnswer }: Context, tokenizer: Decoder | undefined): Promise<StoredContext> {
  const ids = { context: Array.from(context), original: Array.from(original), source: basename(source), ...given({ isAnswer }) };
  if (tokenizer === undefined) return ids;
  // What ends an answer is no part of its text.
  return {
    ...ids,
    contextText: await tokenizer.decode(context),
    originalText: tokenizer.decodeContinuation(context, original, { skipSpecialTokens: isAnswer === true }),
  };
}

function storedVariant({ result, ...variant }: ComparedVariant, tokenizer: Decoder | undefined): object {
  const generations = result.generations.map((generation) => storedGeneration(generation, tokenizer));
  return { ...variant, result: { ...result, generations } };
}

/** Typed arrays would become objects in JSON. */
function storedGeneration(generation: StoredGeneration, tokenizer: Decoder | undefined): object {
  const pieces = generation.pieces ?? (tokenizer === undefined ? undefined : decodePieces(tokenizer, generation.ids, generation.promptIds));
  const { promptIds, ids, text, interventions, answer } = generation;
  return { promptIds: Array.from(promptIds), ids: Array.from(ids), text, pieces, interventions, answer };
}

/** The variants measured so far, none when there is no such file. */
export function readComparison(folder: RunFolder): ComparisonFile['variants'] {
  return existsSync(folder.comparisonFile) ? readComparisonFile(folder).variants : [];
}

/** @throws HyperfitError ERR_CHECKPOINT when it is missing or not JSON */
export function readComparisonFile(folder: RunFolder): ComparisonFile {
  const file = readRunJson(folder.comparisonFile) as ComparisonFile;
  return readingRun({ path: folder.path }, () => ({ ...file, contexts: file.contexts.slice(), variants: file.variants.map(revive) }));
}

function revive(variant: ComparisonFile['variants'][number]): ComparisonFile['variants'][number] {
  const generations = variant.result.generations.map((generation) => ({
    ...generation,
    promptIds: Int32Array.from(generation.promptIds),
    ids: Int32Array.from(generation.ids),
  }));
  return { ...variant, result: { ...variant.result, generations } };
}
