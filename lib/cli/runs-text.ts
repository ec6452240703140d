import { counted } from '../config/counted.ts';
import type { CsvCell, CsvTable } from '../report/csv.ts';
import type { RunLine } from '../run/run-differences.ts';
import { RUN_COLUMNS, valueOf } from '../run/run-filter.ts';
import type { ListedRun } from '../run/run-list.ts';
import { styledOutput } from './output.ts';

const NOTHING = '-';

const fixed = (value: number | null, digits: number): string => value?.toFixed(digits) ?? NOTHING;

/** Head, alignment and cell of each column; those that no run fills are left out. */
const COLUMNS: readonly [head: string, isNumber: boolean, cell: (run: ListedRun) => string][] = [
  ['run', false, ({ name }) => name],
  ['begun (UTC)', false, ({ createdAt }) => createdAt?.slice(0, 16).replace('T', ' ') ?? NOTHING],
  ['model', false, ({ model }) => model ?? NOTHING],
  ['preset', false, ({ preset }) => preset ?? NOTHING],
  ['steps', true, ({ step }) => String(step)],
  ['state', false, ({ state }) => state],
  ['loss', true, ({ loss }) => fixed(loss, 3)],
  ['held-out', true, ({ heldOutLoss }) => fixed(heldOutLoss, 2)],
  ['TTR', true, ({ ttr }) => fixed(ttr, 3)],
  ['rep-2', true, ({ rep2 }) => fixed(rep2, 3)],
  ['overlap', true, ({ overlapMax }) => fixed(overlapMax, 0)],
  ['exact match', true, ({ exactMatch }) => fixed(exactMatch, 3)],
];

const LEGEND =
  'loss: mean of the last pass, nats per token; TTR, rep-2 and overlap (longest run of tokens that was trained on): of greedy text on held-out contexts';

/** For a terminal: a line each, and below it what is wrong. */
export function renderRuns(runs: readonly ListedRun[], folders: readonly string[]): string {
  if (runs.length === 0) return `no runs in ${folders.join(', ')}`;
  const columns = COLUMNS.filter(([, , cell]) => runs.some((run) => cell(run) !== NOTHING));
  const problems = runs.filter(({ problem }) => problem !== null).map(({ name, problem }) => `${name}: ${problem!.split('\n')[0]}`);
  const table = renderTable(
    columns.map(([head]) => head),
    runs.map((run) => columns.map(([, , cell]) => cell(run))),
    columns.map(([, isNumber]) => isNumber),
  );
  return [table, '', LEGEND, ...(problems.length === 0 ? [] : ['', ...problems])].join('\n');
}

/** Every column of a list, and every setting behind `config.`. */
export function runsTable(runs: readonly ListedRun[]): CsvTable {
  const settings = [...new Set(runs.flatMap(({ config }) => Object.keys(config ?? {})))];
  const rows = runs.map((run) => [
    ...RUN_COLUMNS.map((name) => plain(valueOf(run, name))),
    ...settings.map((name) => plain(run.config?.[name])),
  ]);
  return { columns: [...RUN_COLUMNS, ...settings.map((name) => `config.${name}`)], rows };
}

/** For a terminal: a column for each run. */
export function renderDifferences(names: readonly string[], settings: readonly RunLine[], figures: readonly RunLine[]): string {
  const rows = (lines: readonly RunLine[]): string[][] => lines.map(({ name, values }) => [name, ...values.map(shown)]);
  const isNumber = ['', ...names].map((_, column) => column > 0);
  const part = (head: string, lines: readonly RunLine[]): string => renderTable([head, ...names], rows(lines), isNumber);
  const same = `${styledOutput('bold', 'settings')}: the ${counted(names.length, 'run')} have the same`;
  return [settings.length === 0 ? same : part('settings that differ', settings), '', part('figures', figures)].join('\n');
}

export function differencesTable(names: readonly string[], settings: readonly RunLine[], figures: readonly RunLine[]): CsvTable {
  const rows = (kind: string, lines: readonly RunLine[]): CsvCell[][] =>
    lines.map(({ name, values }) => [kind, name, ...values.map(plain)]);
  return { columns: ['kind', 'name', ...names], rows: [...rows('setting', settings), ...rows('figure', figures)] };
}

function plain(value: unknown): CsvCell {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as CsvCell);
}

/** As many digits as people compare by. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[], isNumber: readonly boolean[]): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (isNumber[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [styledOutput('bold', line(head)), ...rows.map(line)].join('\n');
}
