import { formatNumber, formatShare } from '../../lib/report/format-number.ts';

test.each([
  [1.005, 1, '1.0'],
  [-0.25, 2, '−0.25'],
  [-0.001, 2, '0.00'],
  [9999, 0, '9999'],
  [1234567.5, 1, '1,234,567.5'],
  [null, 2, '–'],
  [undefined, 2, '–'],
  [NaN, 2, 'not a number'],
  [Infinity, 2, 'infinite'],
  [-Infinity, 2, '−infinite'],
])('formatNumber writes %p with %p digits as %p', (value, digits, text) => {
  expect(formatNumber(value, digits)).toBe(text);
});

test('formatShare writes percent', () => {
  expect([0.0313, 1, null].map((value) => formatShare(value))).toEqual(['3.1 %', '100.0 %', '–']);
});
