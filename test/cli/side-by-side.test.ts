import { renderSideBySide } from '../../lib/cli/side-by-side.ts';

test('texts stand in columns, wrapped at words', () => {
  expect(
    renderSideBySide(
      [
        { title: 'left', text: 'one two three four five six' },
        { title: 'right', text: 'a\n\tb\u001b[31m' },
      ],
      43,
    ),
  ).toBe(
    [
      'left                 | right',
      '-------------------- | --------------------',
      'one two three four   | a b [31m',
      'five six             |',
    ].join('\n'),
  );
});

test('a word longer than a column is cut, and no line is wider than asked', () => {
  const text = renderSideBySide(
    [
      { title: 'a', text: '_'.repeat(50) },
      { title: 'b', text: '' },
    ],
    60,
  );
  expect(text.split('\n').every((line) => line.length <= 60)).toBe(true);
  expect(text.match(/_/g)).toHaveLength(50);
});
