import { FIELD_NAMES, FIELDS } from '../../lib/config/fields.ts';
import type { MetricRecord } from '../../lib/run/metric-log.ts';
import { missingFigures } from '../../lib/run/missing-figures.ts';
import type { RunFile } from '../../lib/run/run-file.ts';

const defaults = Object.fromEntries(FIELD_NAMES.map((name) => [name, FIELDS[name].default])) as RunFile['config'];
const runOf = (config: Partial<RunFile['config']>): RunFile =>
  ({ config: { ...defaults, ...config }, data: { samples: Array.from({ length: 17 }) } }) as unknown as RunFile;
const steps: MetricRecord[] = [{ type: 'step', step: 1 }];

test('all sequences train: says what would hold some out', () => {
  const { heldOut, contexts, comparison } = missingFigures(runOf({}), steps);
  for (const reason of [heldOut, contexts, comparison])
    expect(reason).toBe(
      'Nothing is held out: all 17 sequences train. Give --held-out, or --samples below 17, such as 14: what it leaves over is held out.',
    );
});

test('evaluation or comparison switched off: names the setting', () => {
  expect(missingFigures(runOf({ evaluateEverySteps: 0 }), steps).contexts).toContain('--evaluate-every-steps is 0');
  expect(missingFigures(runOf({ comparisonContexts: 0 }), steps).comparison).toContain('--comparison-contexts is 0');
});

test('a run that has not begun says so', () => {
  expect(missingFigures(runOf({}), []).heldOut).toBe('Not measured yet.');
});

test('held-out sequences too short for a context', () => {
  expect(missingFigures(runOf({}), [...steps, { type: 'evaluation', step: 0, heldOutLoss: 2 }]).contexts).toContain(
    'longer than the 32 tokens of a context',
  );
});
