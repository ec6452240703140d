import type { ComparedVariant } from '../run/comparison.ts';
import type { GateFigures, GateResult } from '../run/export-gate.ts';
import type { PatchResult } from '../run/patch.ts';
import { csvTable, type CsvCell, type CsvTable } from '../report/csv.ts';
import type { VariantMetrics } from '../report/report-data.ts';
import { makeVariant } from '../report/variant.ts';

type NamedCells = Record<string, CsvCell>;

/** The closing comparison of a run, a row for each way of writing; `more` stands below. */
export function comparisonCsv(
  comparison: readonly ComparedVariant[],
  more: readonly ({ name: string; isHyperfitted: boolean; decoding: string } & VariantMetrics)[] = [],
): CsvTable {
  const rows = comparison.map(({ name, isHyperfitted, decoding, result, image }) => ({
    name,
    isHyperfitted,
    decoding,
    ...makeVariant(name, isHyperfitted, result, image).metrics,
  }));
  const all: NamedCells[] = [...rows, ...more.map((row) => ({ ...row }))];
  return csvTable(all, all.length === 0 ? ['name', 'isHyperfitted', 'decoding'] : undefined);
}

const FIGURES = ['ttr', 'rep2', 'longestQuotation'] as const;

const figureCells = (figures: GateFigures | null): NamedCells => Object.fromEntries(FIGURES.map((name) => [name, figures?.[name]]));

/** The gate of an export, a row for each set of weights; of the exported ones also how they came out. */
export function gateCsv(gate: GateResult | null, type: string): CsvTable {
  const columns = ['name', 'weights', ...FIGURES, 'agreement', 'updateKept', 'problems'];
  if (gate === null) return { columns, rows: [] };
  const { base, passes, model, exported, agreement, update, problems } = gate;
  return csvTable(
    [
      ...(base === null ? [] : [{ name: 'original', weights: 'float32', ...figureCells(base) }]),
      { name: 'model', weights: passes, ...figureCells(model) },
      { name: 'exported', weights: type, ...figureCells(exported), agreement, updateKept: update?.kept, problems: problems.join('; ') },
    ],
    columns,
  );
}

/** Models by name, with how they write. */
export function figuresCsv(rows: readonly { name: string; figures: GateFigures | null }[]): CsvTable {
  return csvTable(
    rows.map(({ name, figures }) => ({ name, ...figureCells(figures) })),
    ['name', ...FIGURES],
  );
}

/** The original, the patches that were tried, and the hyperfitted model. */
export function patchCsv({ original, tried, hyperfitted }: PatchResult): CsvTable {
  return csvTable(
    [
      ...(original === null ? [] : [{ name: 'original', ...figureCells(original) }]),
      ...tried.map(({ rank, figures, passes }) => ({ name: `rank ${rank}`, rank, ...figureCells(figures), passes })),
      ...(hyperfitted === null ? [] : [{ name: 'hyperfitted', ...figureCells(hyperfitted) }]),
    ],
    ['name', 'rank', ...FIGURES, 'passes'],
  );
}
