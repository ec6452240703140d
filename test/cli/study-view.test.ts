import { renderStudyProgress } from '../../lib/cli/study-view.ts';

const STATE = { cell: 'train-s0', number: 3, cells: 12, work: 'step 40/160, loss 1.203', doneCost: 100, leftCost: 300, seconds: 50 };

test('a study says where it is and how long it will take at this pace', () => {
  expect(renderStudyProgress(STATE)).toBe('cell 3/12 train-s0: step 40/160, loss 1.203  2:30 left');
});

test('too early for a guess, it says how long it has taken', () => {
  expect(renderStudyProgress({ ...STATE, doneCost: 1, seconds: 4 })).toBe('cell 3/12 train-s0: step 40/160, loss 1.203  0:04 elapsed');
  expect(renderStudyProgress({ ...STATE, doneCost: 0, leftCost: 0, seconds: 4 })).toContain('0:04 elapsed');
});
