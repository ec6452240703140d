import type { EvaluationResult } from '../evaluate/evaluation.ts';
import type { Memorisation } from '../evaluate/memorisation.ts';
import { csvTable, type CsvCell, type CsvTable } from '../report/csv.ts';
import type { ClusteredMauve } from './human-likeness.ts';

export interface MeasuredModel {
  result: EvaluationResult;
  memorisation?: Memorisation;
  mauve?: ClusteredMauve;
}

/** One row for the model, so that the rows of several can stand below each other: the columns are always the same. */
export function evaluationCsv(model: string, { result, memorisation, mauve }: MeasuredModel): CsvTable {
  return csvTable([
    {
      model,
      ...likelihoodCells(result),
      ...textCells(result),
      ...answerCells(result),
      mauve: mauve?.score,
      mauveLow: mauve?.range?.low,
      mauveHigh: mauve?.range?.high,
      memorisedTexts: memorisation?.textsWithSpans,
      memorisedLongest: memorisation?.longest,
      memorisedTokenShare: memorisation?.tokenShare,
    },
  ]);
}

type Cells = Record<string, CsvCell>;

function likelihoodCells({ loss, perplexity, entropy, topKMass, top1Accuracy, counts, intervals }: EvaluationResult): Cells {
  return {
    heldOutSequences: counts.heldOutSequences,
    heldOutTokens: counts.heldOutTokens,
    loss,
    lossLow: intervals.loss?.low,
    lossHigh: intervals.loss?.high,
    perplexity,
    entropy,
    top1Mass: topKMass?.[1],
    top3Mass: topKMass?.[3],
    top5Mass: topKMass?.[5],
    top1Accuracy,
  };
}

function textCells({ counts, ttr, ttrWindow, intervals, rep, distinct, diversity, selfBleu, overlap }: EvaluationResult): Cells {
  return {
    contexts: counts.contexts,
    ttr,
    ttrLow: intervals.ttr?.low,
    ttrHigh: intervals.ttr?.high,
    ttrWindow,
    rep2: rep[2],
    rep3: rep[3],
    rep4: rep[4],
    distinct1: distinct[1],
    distinct2: distinct[2],
    distinct3: distinct[3],
    distinct4: distinct[4],
    diversity,
    selfBleu,
    overlapMean: overlap?.mean,
    overlapMax: overlap?.max,
    overlapShareOver10: overlap?.shareOver10,
  };
}

function answerCells({ answers }: EvaluationResult): Cells {
  const match = answers?.exactMatch;
  return {
    answers: answers?.count,
    references: match?.references,
    exactMatches: match?.matches,
    exactMatch: match?.share,
    exactMatchLow: match?.low,
    exactMatchHigh: match?.high,
    tokenAccuracy: answers?.tokenAccuracy,
    answerLoss: answers?.loss,
    endedShare: answers?.endedShare,
    answerLength: answers?.meanLength,
    referenceLength: answers?.meanReferenceLength,
  };
}
