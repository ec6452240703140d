import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCS = join(__dirname, '../../docs');
const pages = readdirSync(join(DOCS, 'studies')).map((name) => ({ name, html: readFileSync(join(DOCS, 'studies', name), 'utf8') }));
const results = readFileSync(join(DOCS, 'results.md'), 'utf8');

/** Adjusted p-values of the paired comparisons of a page, as printed. */
const adjustedOf = (html: string): string[] =>
  [...(/<h2>Paired comparisons<\/h2>.*?<\/section>/s.exec(html)?.[0] ?? '').matchAll(/<tr><th scope="row">.*?<\/tr>/g)].map(
    ([line]) => [...line.matchAll(/<td title="[^"]*">([^<]*)/g)].map(([, text]) => text!)[2]!,
  );

describe.each(pages)('$name', ({ html }) => {
  test('counts contexts and seeds, not their product', () => {
    expect(html).not.toMatch(/[">; ]n \d+;/);
    expect(html).not.toMatch(/interval:bootstrap-95-by-cluster\|(<wbr>)?n:/);
  });

  test('has no blank cell of ours, no folder of a person, and nothing that is "at least"', () => {
    // Ours stands before the paper's.
    expect(html).not.toMatch(/<td class="free">[^<]*<\/td><td><\/td>/);
    expect(html).not.toMatch(/<dd>\/|\/(home|root|Users)\//);
    expect(html).not.toMatch(/at least held-out|least held-out loss/);
  });

  test('writes the floor of 2,000 resamples as a bound, and tests no Self-BLEU of single scores', () => {
    const tests = /<h2>Paired comparisons<\/h2>.*?<\/section>/s.exec(html)?.[0] ?? '';
    // What was drawn anew, by sign flips, may come out so.
    for (const [cell] of tests.matchAll(/<td title="[^"]*">0\.0010<\/td>/g)) expect(cell).toContain('p:sign-flips');
    for (const [line] of tests.matchAll(/<tr><th scope="row">[^<]*<\/th><td class="free">Self-BLEU.*?<\/tr>/g))
      expect(line).toContain('>not tested</td>');
  });
});

describe('results.md', () => {
  test('every p stands on a page, as exact there or as a bound', () => {
    const printed = pages.flatMap(({ html }) => adjustedOf(html)).filter((text) => /\d/.test(text));
    const values = printed.map((text) => ({ isBound: text.startsWith('≤'), p: Number(text.replace('≤ ', '')) }));
    const quoted = [...results.matchAll(/\bp (at most )?(\.\d+)( or more)?/g)];
    expect(quoted.length).toBeGreaterThan(8);
    for (const [text, atMost, digits, orMore] of quoted) {
      const places = digits!.length - 1;
      // A least value is cut, not rounded up.
      const shown = (p: number): string => (orMore === undefined ? p : Math.floor(p * 10 ** places) / 10 ** places).toFixed(places);
      const matches = values.filter(({ p, isBound }) => isBound === (atMost !== undefined) && shown(p) === `0${digits}`);
      expect({ text, found: matches.length > 0 }).toEqual({ text, found: true });
    }
  });

  test('MAUVE is nowhere bold, and stands with a range wherever it was measured more than once', () => {
    const tables = results.split('\n\n').filter((part) => part.includes('| MAUVE |'));
    expect(tables).toHaveLength(2);
    for (const line of tables.flatMap((table) => table.split('\n')).filter((text) => /^\| (hyperfitted|early|original, Top)/.test(text))) {
      expect(line).toMatch(/\| \.\d{3} \[\.\d{3} to \.\d{3}\] \|$/);
      expect(line).not.toContain('**');
    }
  });
});
