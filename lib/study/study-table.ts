import { modelFileName } from '../model/base-name.ts';
import { formatNumber, MISSING } from '../report/format-number.ts';
import { formatProbability } from '../report/format-probability.ts';
import type { FindingMatrix, FindingRow, PairedTest } from './findings.ts';
import { describeCount, type Measured } from './measured.ts';
import type { StudyFile } from './study-file.ts';

/** table.md: what the paper published, how certain that is, and what was measured here, with a footnote for every number. */
export function renderStudyTable(file: StudyFile): string {
  const { findings } = file;
  if (findings === null) return `# ${file.title}\n\nNot finished.\n`;
  const footnotes = new Footnotes();
  const parts = [
    `# ${file.title}`,
    file.question,
    `Model ${code(modelFileName(file.model.path))}; seeds ${file.seeds.join(', ')}; hyperfit ${file.versions.hyperfit}.`,
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
  const lines = rows.map(({ of, quantity, paper, ours, digits, missing = 'nothing to measure' }) =>
    line([
      of,
      quantity,
      paper?.text ?? '',
      paper?.mark ?? '',
      ours === null ? `${MISSING} (${missing})` : `${renderMeasured(ours, digits)} ${footnotes.refer(ours.signature, ours.files)}`,
    ]),
  );
  return [line(['', 'quantity', 'paper', 'certainty', 'ours']), '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

/** `0.652 (0.611 to 0.690), 32 contexts x 2 seeds, seeds 0.640 0.664`. */
export function renderMeasured({ value, low, high, n, unit, seeds, spread }: Measured, digits: number): string {
  const interval =
    low === null || high === null
      ? ''
      : ` (${spread === 'range' ? 'range ' : ''}${formatNumber(low, digits)} to ${formatNumber(high, digits)})`;
  const each = seeds.length > 1 ? `, seeds ${seeds.map((seed) => formatNumber(seed, digits)).join(' ')}` : '';
  return `${formatNumber(value, digits)}${interval}, ${describeCount({ n, unit, seeds: seeds.length })}${each}`;
}

function renderMatrix({ title, rowTitle, columnTitle, rows, columns, values, digits }: FindingMatrix, footnotes: Footnotes): string {
  const lines = rows.map((name, row) =>
    line([name, ...columns.map((_, column) => renderEntry(values[row]?.[column] ?? null, digits, footnotes))]),
  );
  return [
    `## ${title}`,
    '',
    `Rows: ${rowTitle}; columns: ${columnTitle}.`,
    '',
    line(['', ...columns]),
    `| --- |${columns.map(() => ' --- |').join('')}`,
    ...lines,
  ].join('\n');
}

function renderEntry(measured: Measured | null, digits: number, footnotes: Footnotes): string {
  return measured === null ? MISSING : `${formatNumber(measured.value, digits)} ${footnotes.refer(measured.signature, measured.files)}`;
}

function renderTests(tests: readonly PairedTest[], footnotes: Footnotes): string {
  if (tests.length === 0) return '';
  const lines = tests.map(
    ({ first, second, quantity, difference, low, high, p, isBound, adjustedP, isAdjustedBound, signature, files, ...counted }) =>
      line([
        `${first} - ${second}`,
        quantity,
        `${formatNumber(difference, 3)} (${formatNumber(low, 3)} to ${formatNumber(high, 3)})`,
        formatProbability(p, isBound),
        formatProbability(adjustedP, isAdjustedBound),
        `${describeCount(counted)} ${footnotes.refer(signature, files)}`,
      ]),
  );
  return [
    '## Paired comparisons',
    '',
    `Holm adjusts for all tests of this study: ${tests.length}.`,
    '',
    line(['', 'quantity', 'difference', 'p', 'p, Holm', 'over']),
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
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
