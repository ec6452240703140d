/** A Markdown table; missing cells are empty. */
export function renderTable(headers, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell ?? '').join(' | ')} |`;
  return [line(headers), line(headers.map(() => '---')), ...rows.map((cells) => line(headers.map((_, column) => cells[column])))].join(
    '\n',
  );
}

/** Three significant digits without exponents, whole from 100 up. */
export const formatNumber = (value) => value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3);

export const formatRange = (summary) =>
  summary && `${formatNumber(summary.median)} (${formatNumber(summary.min)}-${formatNumber(summary.max)})`;

export const formatGB = (bytes) => (bytes === undefined ? undefined : (bytes / 1e9).toFixed(2));
