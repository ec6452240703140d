import { layerOfMatrix } from '../run/update-factors.ts';
import type { SpectrumCellResult } from './cell-results.ts';
import type { Domain } from './domain.ts';
import { chartOf, measuredSeries, type FindingChart } from './findings.ts';
import { meanOfRuns, type Measured } from './measured.ts';
import { FOCUS_RANK, spectrumId } from './rank-variants.ts';
import { firstDomain, type Bench, type Results } from './study.ts';

type Matrix = SpectrumCellResult['matrices'][number];

const FORMULA = 'energy-kept|sum-of-squares:first-singular-values-of-the-update|over:matrices-of-the-layers';

/** How fast the update's sum of squares gathers in its first singular values: over ranks, and layer by layer. */
export function energyCharts(bench: Bench, results: Results): FindingChart[] {
  const lines = bench.domains.map((domain, index) =>
    measuredSeries(
      domain.name,
      (index % 4) + 1,
      bench.setting.ranks.map((rank) => ({ x: rank, measured: kept(bench, domain, results, rank, () => true) })),
    ),
  );
  return [
    chartOf(
      {
        title: 'Energy of the update kept',
        xLabel: 'rank, logarithmic',
        xScale: 'log',
        pointName: 'rank',
        yLabel: 'share of the sum of squares',
        digits: 2,
      },
      lines,
    ),
    byLayer(bench, results),
  ];
}

function byLayer(bench: Bench, results: Results): FindingChart {
  const layers = Array.from({ length: bench.header.config.numHiddenLayers }, (_, layer) => layer);
  const ranks = bench.setting.ranks.filter((rank) => [FOCUS_RANK, 32].includes(rank));
  const lines = ranks.map((rank, index) =>
    measuredSeries(
      `rank ${rank}`,
      index + 1,
      layers.map((layer) => ({
        x: layer + 1,
        measured: kept(bench, firstDomain(bench), results, rank, ({ parameter, shape }) => layerOfMatrix(parameter, shape) === layer),
      })),
    ),
  );
  return chartOf(
    {
      title: 'Energy of the update kept, layer by layer',
      xLabel: 'layer',
      pointName: 'layer',
      yLabel: 'share of the sum of squares',
      digits: 2,
    },
    lines,
  );
}

function kept(bench: Bench, domain: Domain, results: Results, rank: number, isCounted: (matrix: Matrix) => boolean): Measured | null {
  const runs = bench.setting.seeds.map((seed) => {
    const cell = spectrumId(domain, seed);
    const counted = results.get(cell, 'spectrum').matrices.filter(isCounted);
    const sum = (valueOf: (matrix: Matrix) => number): number => counted.reduce((total, matrix) => total + valueOf(matrix), 0);
    return {
      cell,
      value:
        sum(({ squares, total }) =>
          Math.min(
            total,
            squares.slice(0, rank).reduce((all, square) => all + square, 0),
          ),
        ) / sum(({ total }) => total),
    };
  });
  return meanOfRuns(runs, FORMULA, { rank });
}
