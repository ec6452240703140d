import { given } from '../config/given.ts';
import { escapeHtml } from './escape.ts';
import { renderLineChart, type LineChart, type Point } from './line-chart.ts';
import type { CurveData, ReportData } from './report-data.ts';

const X_LABEL = 'optimizer step';

/** Drawings of losses, of what is written (texts, answers or both) and of entropy; where something was not measured `missing` says why. */
export function renderCurves(curves: CurveData, missing: ReportData['missing'] = {}): string {
  const written = curves.about === 'answers' ? [answersChart(curves, missing.contexts)] : [ttrChart(curves, missing.contexts)];
  if (curves.about !== 'answers' && measured(curves.evaluations, 'exactMatch').length > 0)
    written.push(answersChart(curves, missing.contexts));
  const figures = [lossChart(curves), ...written, entropyChart(curves, missing.heldOut)].map(renderFigure);
  return `<section><h2>Training</h2><div class="charts">${figures.join('')}</div></section>`;
}

/** Of few contexts the share moves in large steps. */
function answersChart({ evaluations, best }: CurveData, empty: string | undefined): LineChart {
  return {
    title: 'Exact match',
    xLabel: X_LABEL,
    yLabel: 'share of sample answers equal to the reference',
    digits: 2,
    series: [{ name: 'greedy answers', colour: 3, dots: true, points: measured(evaluations, 'exactMatch') }],
    marks: marksOf('generation', best),
    ...given({ empty }),
  };
}

function lossChart({ steps, evaluations, targetLoss, best, about = 'text' }: CurveData): LineChart {
  return {
    title: 'Loss',
    xLabel: X_LABEL,
    yLabel: 'nats per token',
    digits: 2,
    series: [
      {
        name: 'training, each batch before its step',
        colour: 1,
        dots: false,
        points: steps.map(({ step, loss }) => ({ x: step - 1, y: loss })),
      },
      { name: `held-out ${about}`, colour: 2, dots: true, points: measured(evaluations, 'heldOutLoss') },
    ],
    ...(typeof targetLoss === 'number' ? { references: [{ label: `target ${targetLoss}`, value: targetLoss }] } : {}),
    marks: marksOf('loss', best),
  };
}

function ttrChart({ evaluations, humanTtr, best, about = 'text' }: CurveData, empty: string | undefined): LineChart {
  const ofImages = about === 'images';
  return {
    title: ofImages ? 'Distinct rows' : 'Type-token ratio',
    xLabel: X_LABEL,
    yLabel: ofImages ? 'distinct / completed rows, sample completions' : 'distinct / total tokens, sample continuations',
    digits: 2,
    series: [
      { name: ofImages ? 'greedy completions' : 'greedy continuations', colour: 3, dots: true, points: measured(evaluations, 'ttr') },
    ],
    ...(typeof humanTtr === 'number' ? { references: [{ label: `human text ${humanTtr.toFixed(2)}`, value: humanTtr }] } : {}),
    marks: marksOf('generation', best),
    ...given({ empty }),
  };
}

function entropyChart({ evaluations, about = 'text' }: CurveData, empty: string | undefined): LineChart {
  return {
    title: 'Entropy',
    xLabel: X_LABEL,
    yLabel: 'nats, mean over next-token predictions',
    digits: 2,
    series: [{ name: `on held-out ${about}`, colour: 4, dots: true, points: measured(evaluations, 'entropy') }],
    ...given({ empty }),
  };
}

function marksOf(criterion: 'generation' | 'loss', best: CurveData['best'] = []): LineChart['marks'] & object {
  return best.filter((kept) => kept.criterion === criterion).map(({ step }) => ({ label: `best by ${criterion}: step ${step}`, x: step }));
}

function measured(evaluations: CurveData['evaluations'], key: 'heldOutLoss' | 'ttr' | 'exactMatch' | 'entropy'): Point[] {
  return evaluations.flatMap((evaluation) => (typeof evaluation[key] === 'number' ? [{ x: evaluation.step, y: evaluation[key] }] : []));
}

function renderFigure(chart: LineChart): string {
  const keys = chart.series
    .filter(({ points }) => points.length > 0)
    .map(
      ({ name, colour }) =>
        `<span class="key"><svg class="swatch colour-${colour}" viewBox="0 0 14 4" aria-hidden="true"><rect width="14" height="4" rx="2"/></svg>${escapeHtml(name)}</span>`,
    );
  return `<figure><figcaption><h3>${escapeHtml(chart.title)}</h3>${keys.join('')}</figcaption>${renderLineChart(chart)}</figure>`;
}
