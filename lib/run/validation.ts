import { basename, join } from 'node:path';
import { checkpointName } from '../checkpoint/checkpoint-list.ts';
import { given } from '../config/given.ts';
import type { Context } from '../data/selection.ts';
import { judgedContext, type AnswerMetrics } from '../evaluate/answers.ts';
import { evaluate, type EvaluatedGeneration } from '../evaluate/evaluation.ts';
import type { ComparisonParts } from './comparison.ts';
import { evaluateImages } from './image-comparison.ts';
import type { MetricRecord } from './metric-log.ts';
import type { Decoder } from './pieces.ts';
import { writeJsonLines, type RunFolder } from './run-folder.ts';

/** One evaluation on the way: what the model writes and how it fares on text it does not train on. */
export interface ValidationRecord extends MetricRecord {
  type: 'evaluation';
  /** Passes done, with their fraction. */
  epoch: number;
  /** Mean over about one pass up to here, nats per token; null before the first step. */
  trainLoss: number | null;
  /** Nats per token; null without held-out sequences. */
  heldOutLoss: number | null;
  entropy: number | null;
  top1Mass: number | null;
  /** Of images the share of distinct rows, and `rep2` that of rows equal to the one above: rows are their words. */
  ttr: number | null;
  rep2: number | null;
  selfBleu: number | null;
  overlapMax: number | null;
  /** Null without answers among the contexts; the figures above are of texts. */
  answers: AnswerMetrics | null;
}

/** Null when the run has neither held-out sequences nor contexts. */
export async function validate(
  { model, data, config, overlapIndex, signal }: ComparisonParts,
  folder: RunFolder,
  at: { step: number; epoch: number; trainLoss: number | null },
): Promise<ValidationRecord | null> {
  const validated = data.contexts.slice(0, config.validationContexts);
  const contexts = validated.map(judgedContext);
  if (contexts.length + data.heldOut.length === 0) return null;
  const { maxNewTokens } = config;
  const { images } = data;
  const { result, image } =
    images === undefined
      ? {
          result: await evaluate(model, { heldOut: data.heldOut, contexts, maxNewTokens, ...given({ train: overlapIndex, signal }) }),
          image: null,
        }
      : await evaluateImages({ model, data, config, overlapIndex, signal, images }, contexts.length);
  const lines = await Promise.all(
    result.generations.map((generation, index) =>
      generationLine(generation, images === undefined ? validated[index] : undefined, model.tokenizer),
    ),
  );
  await writeJsonLines(join(folder.generations, `${checkpointName(at.step)}.jsonl`), lines);
  return {
    type: 'evaluation',
    ...at,
    heldOutLoss: result.loss,
    entropy: result.entropy,
    top1Mass: result.topKMass?.[1] ?? null,
    ttr: image?.distinctRows ?? result.ttr,
    rep2: image?.rowRepeatRate ?? result.rep[2],
    selfBleu: result.selfBleu,
    overlapMax: result.overlap?.max ?? null,
    answers: result.answers,
  };
}

/**
 * A line that can be read without the model: ids, and beside them their text; the original, where there is one, as long as the
 * continuation, or the right answer.
 */
async function generationLine(
  { promptIds, ids, text, answer }: EvaluatedGeneration,
  from: Context | undefined,
  tokenizer: Decoder | undefined,
): Promise<object> {
  const line = { context: Array.from(promptIds), continuation: Array.from(ids), ...given({ text }) };
  if (from === undefined) return line;
  const original = from.isAnswer === true ? from.original : from.original.slice(0, ids.length);
  const originals =
    original.length === 0
      ? {}
      : {
          original: Array.from(original),
          ...given({ originalText: tokenizer?.decodeContinuation(promptIds, original, { skipSpecialTokens: true }) }),
        };
  const contextText = await tokenizer?.decode(promptIds, { skipSpecialTokens: true });
  return {
    ...line,
    ...given({ contextText }),
    ...originals,
    source: basename(from.source),
    ...given({ isAnswer: from.isAnswer }),
    ...answer,
  };
}
