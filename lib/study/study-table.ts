import { formatNumber } from '../report/format-number.ts';
import type { FindingMatrix, FindingRow, PairedTest } from './findings.ts';
import type { Measured } from './measured.ts';
import type { StudyFile } from './study-file.ts';

/** table.md: what the paper published, how certain that is, and what was measured here, with a footnote for every number. */
export function renderStudyTable(file: StudyFile): string {
  const { findings } = file;
  if (findings === null) return `# ${file.title}\n\nNot finished.\n`;
  const footnotes = new Footnotes();
  const parts = [
    `# ${file.title}`,
    file.question,
    `Model ${code(file.model.path)}; seeds ${file.seeds.join(', ')}; hyperfit ${file.versions.hyperfit}.`,
    renderRows(findings.rows, footnotes),
    ...findings.matrices.map((matrix) => renderMatrix(matrix, footnotes)),
    renderTests(findings.tests, footnotes),
    findings.notes.map((note) => `- ${cell(note)}`).join('\n'),
    footnotes.render(),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** Signatures and files by number, each once. */
class Footnotes {
  readonly #numbers = new Map<string, number>();

  refer(signature: string, files: readonly string[]): string {
    const text = `${code(signature)}; ${files.join(', ')}`;
    const number = this.#numbers.get(text) ?? this.#numbers.size + 1;
    this.#numbers.set(text, number);
    return `[${number}]`;
  }

  render(): string {
    return [...this.#numbers].map(([text, number]) => `[${number}] ${text}  `).join('\n');
  }
}

function renderRows(rows: readonly FindingRow[], footnotes: Footnotes): string {
  if (rows.length === 0) return '';
  const lines = rows.map(({ of, quantity, paper, ours, digits }) => line([of, quantity, paper?.text ?? '', paper?.mark ?? '', ours === null ? '' : `${renderMeasured(ours, digits)} ${footnotes.refer(ours.signature, ours.files)}`]));
  return [line(['', 'quantity', 'paper', 'certainty', 'ours']), '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

/** `0.652 (0.611 to 0.690), n 64`. */
export function renderMeasured({ value, low, high, n, seeds }: Measured, digits: number): string {
  const interval = low === null || high === null ? '' : ` (${formatNumber(low, digits)} to ${formatNumber(high, digits)})`;
  const each = seeds.length > 1 ? `, seeds ${seeds.map((seed) => formatNumber(seed, digits)).join(' ')}` : '';
  return `${formatNumber(value, digits)}${interval}, n ${n}${each}`;
}

function renderMatrix({ title, rowTitle, columnTitle, rows, columns, values, digits }: FindingMatrix, footnotes: Footnotes): string {
  const lines = rows.map((name, row) => line([name, ...columns.map((_, column) => renderEntry(values[row]?.[column] ?? null, digits, footnotes))]));
  return [`## ${title}`, '', `Rows: ${rowTitle}; columns: ${columnTitle}.`, '', line(['', ...columns]), `| --- |${columns.map(() => ' --- |').join('')}`, ...lines].join('\n');
}

function renderEntry(measured: Measured | null, digits: number, footnotes: Footnotes): string {
  return measured === null ? '' : `${formatNumber(measured.value, digits)} ${footnotes.refer(measured.signature, measured.files)}`;
}

function renderTests(tests: readonly PairedTest[], footnotes: Footnotes): string {
  if (tests.length === 0) return '';
  const lines = tests.map(({ first, second, quantity, difference, low, high, p, adjustedP, n, signature, files }) =>
    line([`${first} - ${second}`, quantity, `${formatNumber(difference, 3)} (${formatNumber(low, 3)} to ${formatNumber(high, 3)})`, formatNumber(p, 4), formatNumber(adjustedP, 4), `${n} ${footnotes.refer(signature, files)}`]),
  );
  return ['## Paired comparisons', '', line(['', 'quantity', 'difference', 'p', 'p, Holm', 'n']), '| --- | --- | --- | --- | --- | --- |', ...lines].join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** Signatures hold bars; a table cell and a code span must not break on what stands in them. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

function code(text: string): string {
  return `\`${text.replaceAll('`', "'")}\``;
}
