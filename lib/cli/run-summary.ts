import { counted } from '../config/counted.ts';
import { renderComparisonLegend, renderComparisonTable } from '../report/comparison-text.ts';
import { formatShare } from '../report/format-number.ts';
import type { ReportVariant } from '../report/report-data.ts';
import { makeVariant } from '../report/variant.ts';
import type { RunResult } from '../run/run.ts';
import { runFolder } from '../run/run-folder.ts';

/** What `--json` prints of a run: its figures; the texts stay in the run folder. */
export function summarizeRun(result: RunResult): object {
  const { comparison, ...rest } = result;
  return {
    schemaVersion: 1,
    ...rest,
    comparison: comparison.map(({ name, isHyperfitted, decoding, result: figures, image }) => ({
      name,
      isHyperfitted,
      decoding,
      ...makeVariant(name, isHyperfitted, figures, image).metrics,
    })),
  };
}

const ENDINGS: Readonly<Record<RunResult['reason'], string>> = {
  epochs: 'all epochs done',
  maxSteps: 'all steps done',
  targetLoss: 'the target loss is reached',
  stopped: 'stopped; go on with --resume',
};

export function renderRunSummary(result: RunResult): string {
  const { reason, step, epochs, loss, certificate, comparison, checkpoint, best, report } = result;
  const lines = [
    `${ENDINGS[reason]}: ${counted(step, 'step')}, ${counted(epochs, 'epoch')}${loss === null ? '' : `, mean training loss ${loss.toFixed(4)}`}`,
  ];
  if (comparison.length > 0) lines.push('', renderRunComparison(comparison), '', renderRunLegend(comparison));
  if (certificate !== null) lines.push('', renderCertificate(certificate));
  const places = [
    ...(checkpoint === null ? [] : [['checkpoint', checkpoint]]),
    ...best.map(renderBest),
    ...imagesPlace(result),
    ...(report === null ? [] : [['report', report]]),
  ];
  return [...lines, '', renderRows(places)].join('\n').trimEnd();
}

function imagesPlace({ folder, comparison }: RunResult): string[][] {
  return comparison.some(({ image }) => image !== undefined) ? [['images', runFolder(folder).imagesFile]] : [];
}

/** What was reached, a line each. */
function renderCertificate({
  meanLoss,
  lossFloor,
  worstLoss,
  top1Accuracy,
  entropy,
  steps,
  sequences,
  tokens,
  changedShare,
  quantize,
}: NonNullable<RunResult['certificate']>): string {
  const rows = [
    ['mean loss', `${meanLoss.toFixed(4)} nats per token; no model can have less than ${lossFloor.toFixed(4)}`],
    ['worst sequence', `${worstLoss.toFixed(4)} nats per token`],
    ['top-1 accuracy', `${(top1Accuracy * 100).toFixed(1)} %`],
    ['entropy', `${entropy.toFixed(3)} nats`],
    ['weights changed', changedShare === null ? 'unknown' : `${(changedShare * 100).toFixed(1)} %`],
    ...(quantize === null ? [] : [['measured on weights', `as a ${quantize} file holds them`]]),
  ];
  return `certificate: after ${steps} steps, on the ${sequences} training sequences (${tokens} predicted tokens)\n${renderRows(rows.map(([label, value]) => [`  ${label}`, value!]))}`;
}

function renderBest({ criterion, step, ttr, trainLoss, exactMatch, answerLoss, path }: RunResult['best'][number]): string[] {
  const written =
    typeof exactMatch === 'number'
      ? `exact match ${formatShare(exactMatch)}`
      : typeof answerLoss === 'number'
        ? `answer loss ${answerLoss.toFixed(3)}`
        : `TTR ${ttr?.toFixed(3)}`;
  const figure = criterion === 'loss' ? `training loss ${trainLoss?.toFixed(4)}` : written;
  return [`best by ${criterion}`, `${path} (step ${step}, ${figure})`];
}

function renderRows(rows: readonly (readonly string[])[]): string {
  const width = Math.max(0, ...rows.map(([label]) => label!.length));
  return rows.map(([label, value]) => `${label!.padEnd(width)}  ${value}`).join('\n');
}

export function renderRunComparison(comparison: RunResult['comparison']): string {
  return renderComparisonTable(variantsOf(comparison));
}

function renderRunLegend(comparison: RunResult['comparison']): string {
  return renderComparisonLegend(variantsOf(comparison));
}

function variantsOf(comparison: RunResult['comparison']): ReportVariant[] {
  return comparison.map(({ name, isHyperfitted, result, image }) => makeVariant(name, isHyperfitted, result, image));
}
