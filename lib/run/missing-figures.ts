import type { ReportData } from '../report/report-data.ts';
import type { MetricRecord } from './metric-log.ts';
import type { RunFile } from './run-file.ts';

/** Why the page of a run has no curves or no comparison, and what would give them. */
export function missingFigures({ config, data }: RunFile, metrics: readonly MetricRecord[]): NonNullable<ReportData['missing']> {
  const onTheWay = config.evaluateEverySteps === 0 ? 'Not measured on the way: --evaluate-every-steps is 0.' : undefined;
  const evaluations = metrics.filter(({ type }) => type === 'evaluation');
  const hasBegun = metrics.some(({ type }) => type === 'step');
  const nothing = nothingHeldOut(data.samples.length, config.images !== null);
  const never = !hasBegun ? 'Not measured yet.' : nothing;
  const unmeasured = evaluations.length === 0 ? (onTheWay ?? never) : undefined;
  return {
    heldOut: unmeasured ?? nothing,
    contexts:
      unmeasured ??
      `No held-out sequence is longer than the ${config.contextLength} tokens of a context. Give --contexts, or lower --context-length.`,
    comparison: missingComparison(config, hasBegun && evaluations.length === 0 && onTheWay === undefined ? nothing : undefined),
  };
}

function nothingHeldOut(sequences: number, areImages: boolean): string {
  const noun = areImages ? 'images' : 'sequences';
  const samples =
    sequences > 1
      ? `, or --samples below ${sequences}, such as ${sequences - Math.ceil(sequences / 8)}: what it leaves over is held out`
      : '';
  return `Nothing is held out: all ${sequences} ${noun} train. Give --held-out${samples}.`;
}

function missingComparison({ comparisonContexts }: RunFile['config'], nothing: string | undefined): string {
  if (comparisonContexts === 0) return 'Left out: --comparison-contexts is 0.';
  return (
    nothing ??
    'Not made: a run compares once it ends, and only with contexts that are held out. An unfinished run goes on with hyperfit train --resume --out and its folder.'
  );
}
