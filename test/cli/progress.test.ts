import { PassThrough } from 'node:stream';
import { renderDuration } from '../../lib/report/format-duration.ts';
import { Progress, renderProgressBar, renderProgressLine } from '../../lib/cli/progress.ts';

const state = { step: 22, totalSteps: 88, mayEndSooner: true, loss: 1.23456, sample: 'ttr 0.500', secondsLeft: 132, seconds: 44 };

test.each([
  [0, '0:00'],
  [65, '1:05'],
  [3723, '1:02:03'],
])('%d seconds are %s', (seconds, text) => {
  expect(renderDuration(seconds)).toBe(text);
});

test('a line tells step, loss, TTR and the time left', () => {
  expect(renderProgressLine(state)).toBe('step 22/88  loss 1.2346  ttr 0.500  at most 2:12 left');
  expect(renderProgressLine({ ...state, mayEndSooner: false, sample: undefined })).toBe('step 22/88  loss 1.2346  2:12 left');
  expect(renderProgressLine({ ...state, totalSteps: undefined, secondsLeft: null })).toBe('step 22  loss 1.2346  ttr 0.500  0:44 elapsed');
});

test('the bar fills with the steps and never wraps', () => {
  expect(renderProgressBar(state, 120)).toMatch(/^\[######-{18}\] step/);
  expect(renderProgressBar(state, 40)).toHaveLength(39);
});

function capture(isTTY: boolean, environment: NodeJS.ProcessEnv): string {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  const progress = new Progress(stream as unknown as NodeJS.WriteStream, environment);
  progress.update(state);
  progress.log('saved');
  return String(stream.read());
}

test('a terminal gets a bar that is cleared before other lines', () => {
  expect(capture(true, {})).toMatch(/^\r\x1b\[2K\[#+-+\] .*\r\x1b\[2Ksaved\n$/);
});

test.each([
  [false, {}],
  [true, { CI: 'true' }],
  [true, { TERM: 'dumb' }],
])('isTTY %s with %j gets plain lines', (isTTY, environment) => {
  expect(capture(isTTY, environment)).toBe(`${renderProgressLine(state)}\nsaved\n`);
});

test('counting tokens redraws a bar on a terminal, not at every token, and says nothing elsewhere', () => {
  const count = (isTTY: boolean): string => {
    const stream = Object.assign(new PassThrough(), { isTTY, columns: 0 }); // some terminals do not know their width
    const progress = new Progress(stream as unknown as NodeJS.WriteStream, {});
    for (let done = 1; done <= 50; done++) progress.count('original, greedy', done, 100);
    return String(stream.read() ?? '');
  };
  expect(count(true)).toBe('\r\x1b[2K[------------------------] original, greedy: 1 of 100 tokens');
  expect(count(false)).toBe('');
});
