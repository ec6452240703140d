import { renderComparisonTable } from '../report/comparison-text.ts';
import { makeVariant } from '../report/variant.ts';
import type { RunResult } from '../run/run.ts';

/** What `--json` prints of a run: its figures; the texts stay in the run folder. */
export function summarizeRun(result: RunResult): object {
  const { comparison, ...rest } = result;
  return { schemaVersion: 1, ...rest, comparison: comparison.map(({ name, isHyperfitted, decoding, result: figures }) => ({ name, isHyperfitted, decoding, ...makeVariant(name, isHyperfitted, figures).metrics })) };
}

const ENDINGS: Readonly<Record<RunResult['reason'], string>> = {
  epochs: 'all epochs done',
  maxSteps: 'all steps done',
  targetLoss: 'the target loss is reached',
  stopped: 'stopped; go on with --resume',
};

export function renderRunSummary(result: RunResult): string {
  const { reason, step, epochs, loss, certificate, comparison, checkpoint, report } = result;
  const lines = [`${ENDINGS[reason]}: ${step} steps, ${epochs} epochs${loss === null ? '' : `, mean training loss ${loss.toFixed(4)}`}`];
  if (certificate !== null) lines.push(renderCertificate(certificate));
  if (comparison.length > 0) lines.push('', renderRunComparison(comparison), '');
  if (checkpoint !== null) lines.push(`checkpoint  ${checkpoint}`);
  if (report !== null) lines.push(`report      ${report}`);
  return lines.join('\n');
}

function renderCertificate({ meanLoss, worstLoss, top1Accuracy, entropy, changedShare }: NonNullable<RunResult['certificate']>): string {
  return (
    `after training: mean loss ${meanLoss.toFixed(4)}, worst sequence ${worstLoss.toFixed(4)}, top-1 accuracy ${(top1Accuracy * 100).toFixed(1)} %, ` +
    `entropy ${entropy.toFixed(3)} nats, weights changed ${changedShare === null ? 'unknown' : `${(changedShare * 100).toFixed(1)} %`}`
  );
}

export function renderRunComparison(comparison: RunResult['comparison']): string {
  return renderComparisonTable(comparison.map(({ name, isHyperfitted, result }) => makeVariant(name, isHyperfitted, result)));
}
