import { resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import { FIELDS, flagOf, type FieldName, type RunConfig } from '../config/fields.ts';
import type { Row } from '../data/batch.ts';
import { HyperfitError } from '../errors.ts';
import { dataChanges, initialState, movedTo, type Change } from '../train/beginning.ts';
import { TRAIN_FIELDS } from '../train/settings.ts';
import { hashWeights, type RunFile } from './run-file.ts';
import type { RunStart } from './run-start.ts';

/** Where a run ends may be moved at any time: all that was done stays what it was. */
const LIMITS: readonly FieldName[] = ['epochs', 'maxSteps', 'targetLoss'];
/** Changes memory, and no bit of what comes of it. */
const FREE: readonly FieldName[] = [...LIMITS, 'stepInBackward'];
/** What the weights depend on. Data are told by their hash, wherever they lie. */
const FIXED: readonly FieldName[] = [
  ...TRAIN_FIELDS.filter((name) => !FREE.includes(name)),
  'adapter',
  'device',
  'computeDtype',
  'weightDtype',
];

/** Settings of a resumed run that differ from those it was begun with; a model elsewhere with the same weights is the same. */
export async function settingChanges(saved: RunFile, config: RunConfig): Promise<Change[]> {
  const before = saved.config as Partial<RunConfig>;
  const changes = FIXED.map((name): Change => ({ name, from: name in before ? before[name] : FIELDS[name].default, to: config[name] }));
  const model = { name: 'model', from: before.model ?? null, to: config.model };
  return [...changes.filter(isChange), ...(isChange(model) && !(await isSameModel(saved, config.model)) ? [model] : [])];
}

const isChange = ({ from, to }: Change): boolean => JSON.stringify(from) !== JSON.stringify(to);

async function isSameModel(saved: RunFile, path: string | null): Promise<boolean> {
  if (path === null) return true;
  // One that is not there is another one: the checkpoint has all that is needed.
  const hashes = await resolveModelPath(path)
    .then(hashWeights)
    .catch(() => ({}));
  return Object.values(hashes).sort().join() === Object.values(saved.model.files).sort().join();
}

/**
 * Puts a resumed run at its place in these sequences, and adds to `changes` in what they differ.
 * @throws HyperfitError ERR_CHECKPOINT for other data or another order, unless `allowChanges`
 */
export function resumeIn(start: RunStart, sequences: readonly Row[], config: RunConfig): void {
  if (start.state === undefined) return;
  const begin = initialState({ sequences, settings: config });
  const changes = dataChanges(start.state, begin);
  requireAllowed(changes, config, 'data and order');
  if (changes.length === 0) return;
  start.state = movedTo(start.state, begin);
  start.changes = [...start.changes, ...changes.filter(({ name }) => start.changes.every((other) => other.name !== name))];
}

/** @throws HyperfitError ERR_CHECKPOINT that names each change, unless `allowChanges` */
export function requireAllowed(changes: readonly Change[], { allowChanges }: Pick<RunConfig, 'allowChanges'>, what: string): void {
  if (changes.length === 0 || allowChanges) return;
  const remedy = `resume with the same, begin a new run, or add ${flagOf('allowChanges')} if it is meant: run.json then keeps each change`;
  throw new HyperfitError(
    'ERR_CHECKPOINT',
    `expected the ${what} that the run was begun with, got ${changes.map(renderChange).join(', ')}; ${remedy}`,
  );
}

export function renderChange({ name, from, to }: Change): string {
  return `${name} ${render(to)} instead of ${render(from)}`;
}

const render = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
