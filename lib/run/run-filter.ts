import { FIELD_NAMES } from '../config/fields.ts';
import { didYouMean } from '../config/suggest.ts';
import { HyperfitError } from '../errors.ts';
import type { ListedRun } from './run-list.ts';

/** What runs are sorted and chosen by, beside every setting. */
export const RUN_COLUMNS = [
  'name',
  'createdAt',
  'state',
  'model',
  'data',
  'preset',
  'sequences',
  'step',
  'loss',
  'certifiedLoss',
  'heldOutLoss',
  'entropy',
  'ttr',
  'rep2',
  'selfBleu',
  'overlapMean',
  'overlapMax',
  'exactMatch',
  'originalTtr',
  'originalRep2',
  'seconds',
  'problem',
] as const satisfies readonly (keyof ListedRun)[];

/** A column, or a setting; undefined and null are not known. */
export function valueOf(run: ListedRun, name: string): unknown {
  return (RUN_COLUMNS as readonly string[]).includes(name) ? run[name as keyof ListedRun] : run.config?.[name];
}

/** @throws HyperfitError ERR_CONFIG for a name that is neither column nor setting */
function checkedName(name: string, option: string): string {
  const names = [...RUN_COLUMNS, ...FIELD_NAMES];
  if (!(names as string[]).includes(name))
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a column or a setting for \`${option}\`, got ${name}${didYouMean(name, names)}; columns are ${RUN_COLUMNS.join(', ')}`,
    );
  return name;
}

/**
 * Ascending by a figure, a fact or a setting, or descending by `-name`; what is not known comes last. Without `by` they stay as they are.
 * @param by a field of a run or a name of its settings, such as `-ttr` or `learningRate`
 * @returns a list of its own
 * @throws HyperfitError ERR_CONFIG for a name that there is not
 *
 * @example
 * const [best] = sortRuns(listRuns('runs'), '-ttr');
 * console.log(best?.name, best?.ttr, best?.config?.['learningRate']);
 */
export function sortRuns(runs: readonly ListedRun[], by: string | undefined): ListedRun[] {
  if (by === undefined) return [...runs];
  const isDescending = by.startsWith('-');
  const name = checkedName(by.replace(/^-/, ''), 'sort');
  const [known, unknown] = [runs.filter((run) => isKnown(valueOf(run, name))), runs.filter((run) => !isKnown(valueOf(run, name)))];
  return [...known.sort((left, right) => (isDescending ? -1 : 1) * compare(valueOf(left, name), valueOf(right, name))), ...unknown];
}

const isKnown = (value: unknown): boolean => value !== null && value !== undefined;

function compare(left: unknown, right: unknown): number {
  return typeof left === 'number' && typeof right === 'number'
    ? left - right
    : String(left).localeCompare(String(right), 'en', { numeric: true });
}

const CONDITION = /^([A-Za-z0-9]+)\s*(!=|<=|>=|=|<|>|~)\s*(.*)$/s;

const HOLDS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/**
 * The runs that meet all conditions. What is not known meets none but `!=`.
 * @param conditions a name, one of `=`, `!=`, `<`, `<=`, `>`, `>=` and `~` (contains, in any case), and a value: `ttr>0.6`, `state=done`,
 * `model~smol`
 * @throws HyperfitError ERR_CONFIG for a condition that cannot be read, and a name that there is not
 *
 * @example
 * const varied = filterRuns(listRuns('runs'), ['state=done', 'ttr>0.6', 'model~smol']);
 * console.log(varied.map(({ name }) => name));
 */
export function filterRuns(runs: readonly ListedRun[], conditions: readonly string[]): ListedRun[] {
  const tests = conditions.map(parseCondition);
  return runs.filter((run) => tests.every((test) => test(run)));
}

function parseCondition(text: string): (run: ListedRun) => boolean {
  const [, left, operator, wanted] = CONDITION.exec(text.trim()) ?? [];
  if (left === undefined || operator === undefined || wanted === undefined)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a condition such as ttr>0.6, state=done or model~smol for \`where\`, got ${text}; quote it for the shell`,
    );
  const name = checkedName(left, 'where');
  const number = wanted.trim() === '' ? Number.NaN : Number(wanted);
  return (run) => {
    const value = valueOf(run, name);
    if (!isKnown(value)) return operator === '!=';
    if (operator === '~') return String(value).toLowerCase().includes(wanted.toLowerCase());
    return HOLDS[operator]!(compare(value, typeof value === 'number' && !Number.isNaN(number) ? number : wanted));
  };
}
