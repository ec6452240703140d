import type { Sequence } from '../data/sequences.ts';
import type { AnswerMetrics } from '../evaluate/answers.ts';
import type { EvaluationResult } from '../evaluate/evaluation.ts';
import type { ClusteredMauve } from './human-likeness.ts';
import type { Memorisation } from '../evaluate/memorisation.ts';

function number(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined ? '-' : value.toFixed(digits);
}

/** The figures of one model, a line each; what was not measured is a dash. */
export function renderEvaluation(result: EvaluationResult): string {
  const { loss, perplexity, entropy, topKMass, top1Accuracy, answers } = result;
  const rows: [string, string][] = [
    ['loss (nats per token)', number(loss)],
    ['perplexity', number(perplexity, 2)],
    ['entropy (nats)', number(entropy)],
    ['mass of the top 1, 3, 5', `${number(topKMass?.[1])} ${number(topKMass?.[3])} ${number(topKMass?.[5])}`],
    ['top-1 accuracy', number(top1Accuracy)],
    ...(answers === null ? [] : answerRows(answers)),
    ...(answers !== null && answers.count === result.generations.length ? [] : textRows(result)),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function textRows({ ttr, ttrWindow, rep, distinct, selfBleu, overlap }: EvaluationResult): [string, string][] {
  return [
    [`type-token ratio${ttrWindow === null ? '' : ` (last ${ttrWindow})`}`, number(ttr)],
    ['repeated 2-, 3-, 4-grams', `${number(rep[2])} ${number(rep[3])} ${number(rep[4])}`],
    ['distinct 1- to 4-grams', `${number(distinct[1])} ${number(distinct[2])} ${number(distinct[3])} ${number(distinct[4])}`],
    ['Self-BLEU', number(selfBleu)],
    ['overlap mean, max, over 10', `${number(overlap?.mean, 1)} ${number(overlap?.max, 0)} ${number(overlap?.shareOver10)}`],
  ];
}

function answerRows({
  count,
  exactMatch,
  endedShare,
  meanLength,
  meanReferenceLength,
  loss,
  tokenAccuracy,
}: AnswerMetrics): [string, string][] {
  return [
    [
      'answers: exact match',
      exactMatch === null
        ? '-'
        : `${exactMatch.matches} of ${exactMatch.references}: ${percent(exactMatch.share)} (95 % interval ${percent(exactMatch.low)} to ${percent(exactMatch.high)})`,
    ],
    ['answers: right tokens', percent(tokenAccuracy)],
    ['answers: loss', number(loss)],
    ['answers: ended by themselves', `${percent(endedShare)} of ${count}`],
    ['answers: tokens, of references', `${number(meanLength, 1)}, ${number(meanReferenceLength, 1)}`],
  ];
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(100 * share).toFixed(1)} %`;
}

/** The score beside its range over clusterings and what it is of: alone it says nothing. */
export function renderMauve({ score, range, signature }: ClusteredMauve): string {
  const spread = range === null ? '' : `, ${number(range.low)} to ${number(range.high)} over ${range.clusterings} clusterings`;
  return `MAUVE ${number(score)}${spread}  (${signature})`;
}

/** The memorised spans, a line each: where they stand in the continuation, in the training sequence and in its source. */
export function renderMemorisation(
  { minLength, texts, textsWithSpans, tokenShare, spans }: Memorisation,
  train: readonly Sequence[],
): string[] {
  const share = tokenShare === null ? '-' : `${(100 * tokenShare).toFixed(1)} %`;
  const head = `memorised runs of ${minLength} tokens or more: in ${textsWithSpans} of ${texts} continuations, ${share} of their tokens`;
  const lines = spans.flatMap((each, text) =>
    each.map(({ start, length, sequence, offset }) => {
      const { source, offset: from } = train[sequence]!;
      return `  continuation ${text}, tokens ${start} to ${start + length - 1}: sequence ${sequence}, token ${offset} (${source}, token ${from + offset})`;
    }),
  );
  return ['', head, ...lines];
}
