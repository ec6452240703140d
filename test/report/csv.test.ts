import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { csvTable, renderCsv } from '../../lib/report/csv.ts';

test('a header, lines that end in CRLF, quotes only where they are needed', () => {
  const table = csvTable(
    [
      { name: 'greedy', ttr: 0.1 + 0.2, seeds: [1, 2] },
      { name: 'a "b", c\nd', ttr: null },
    ],
    ['name', 'ttr', 'seeds', 'none'],
  );
  expect(renderCsv(table)).toBe('name,ttr,seeds,none\r\ngreedy,0.30000000000000004,1 2,\r\n"a ""b"", c\nd",,,\r\n');
});

test('a table without rows still has its header', () => {
  expect(renderCsv(csvTable([], ['a', 'b']))).toBe('a,b\r\n');
});

test('another reader finds every text, and the very number', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ text: fc.string({ unit: 'binary' }), value: fc.double({ noNaN: true }), flag: fc.boolean() }), { minLength: 1 }),
      (rows) => {
        const read = parse(renderCsv(csvTable(rows)), { columns: true, record_delimiter: '\r\n' }) as Record<string, string>[];
        expect(read.map(({ text, value, flag }) => ({ text, value: Object.is(Number(value), 0) ? 0 : Number(value), flag }))).toEqual(
          rows.map(({ text, value, flag }) => ({ text, value: value === 0 ? 0 : value, flag: String(flag) })),
        );
      },
    ),
    { numRuns: 200 },
  );
});
