/** What a cell may hold; null and undefined are "not measured" and stay empty, lists are joined by spaces. */
export type CsvCell = string | number | boolean | null | undefined | readonly (string | number)[];

/** A table for programs: names of columns in camelCase, as in JSON, and a list of cells for each row. */
export interface CsvTable {
  columns: readonly string[];
  rows: readonly (readonly CsvCell[])[];
}

/** Rows given by name. Without `columns` they are all names that occur, in the order in which they do. */
export function csvTable(
  rows: readonly Readonly<Record<string, CsvCell>>[],
  columns: readonly string[] = [...new Set(rows.flatMap(Object.keys))],
): CsvTable {
  return { columns, rows: rows.map((row) => columns.map((column) => row[column])) };
}

/**
 * CSV as RFC 4180 has it: a header, lines that end in CRLF, quotes where a cell needs them. Numbers have as many digits as make them the
 * same number again.
 */
export function renderCsv({ columns, rows }: CsvTable): string {
  return [columns, ...rows].map((row) => `${row.map(renderCell).join(',')}\r\n`).join('');
}

function renderCell(cell: CsvCell): string {
  if (cell === null || cell === undefined || Number.isNaN(cell)) return '';
  const text = Array.isArray(cell) ? cell.join(' ') : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
