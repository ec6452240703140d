import { Pace } from '../../lib/train/pace.ts';

test('the time left is that of the steps of this process, with what came between them', () => {
  const pace = new Pace(76, 1000);
  // Four steps, at 2 s each, pauses included.
  expect(pace.secondsLeft(80, 88, 9000)).toBe(16);
  expect(pace.secondsLeft(88, 88, 25_000)).toBe(0);
});

test('nobody knows how long it takes where only a loss ends it', () => {
  expect(new Pace(0, 0).secondsLeft(3, null, 3000)).toBeNull();
});
