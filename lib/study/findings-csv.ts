import { csvTable, type CsvCell, type CsvTable } from '../report/csv.ts';
import type { Findings } from './findings.ts';
import type { Measured } from './measured.ts';

const COLUMNS = [
  'of',
  'quantity',
  'against',
  'paper',
  'certainty',
  'value',
  'low',
  'high',
  'spread',
  'n',
  'unit',
  'seeds',
  'seedValues',
  'missing',
  'signature',
  'files',
];

/** table.csv: a row for each number of a study; those of matrices name their column in `against`. */
export function findingsTable({ rows, matrices }: Pick<Findings, 'rows' | 'matrices'>): CsvTable {
  return csvTable(
    [
      ...rows.map(({ of, quantity, paper, ours, missing }) => ({
        of,
        quantity,
        paper: paper?.text,
        certainty: paper?.mark,
        ...measuredCells(ours),
        missing,
      })),
      ...matrices.flatMap(({ title, rows: names, columns, values }) =>
        names.flatMap((of, row) =>
          columns.map((against, column) => ({ of, quantity: title, against, ...measuredCells(values[row]?.[column] ?? null) })),
        ),
      ),
    ],
    COLUMNS,
  );
}

function measuredCells(measured: Measured | null): Record<string, CsvCell> {
  if (measured === null) return {};
  const { value, low, high, spread, n, unit, seeds, signature, files } = measured;
  const isBetween = low !== null && high !== null;
  return {
    value,
    low,
    high,
    spread: isBetween ? (spread ?? 'interval') : undefined,
    n,
    unit,
    seeds: seeds.length,
    seedValues: seeds,
    signature,
    files,
  };
}

/** tests.csv: the paired comparisons. */
export function testsTable({ tests }: Pick<Findings, 'tests'>): CsvTable {
  return csvTable(
    tests.map(
      ({ first, second, quantity, difference, low, high, p, isBound, adjustedP, isAdjustedBound, n, unit, seeds, signature, files }) => ({
        first,
        second,
        quantity,
        difference,
        low,
        high,
        p,
        isBound,
        adjustedP,
        isAdjustedBound,
        n,
        unit,
        seeds,
        signature,
        files,
      }),
    ),
    [
      'first',
      'second',
      'quantity',
      'difference',
      'low',
      'high',
      'p',
      'isBound',
      'adjustedP',
      'isAdjustedBound',
      'n',
      'unit',
      'seeds',
      'signature',
      'files',
    ],
  );
}
