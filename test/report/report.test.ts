import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderReport, writeReport } from '../../lib/report/report.ts';
import type { ReportData } from '../../lib/report/report-data.ts';
import { sampleReport, wordContinuation } from './sample-report.ts';

const HOSTILE = `</style></title><script>alert(1)</script><img src="http://example.com/x" onerror='alert(2)'>&amp;"'`;
const EMPTY: ReportData = { title: 'nothing', facts: [], curves: { steps: [], evaluations: [] }, variants: [], continuations: [] };

/** Every string of a value, replaced. */
function replaceStrings(value: unknown, text: string): unknown {
  if (typeof value === 'string') return text;
  if (Array.isArray(value)) return value.map((item) => replaceStrings(item, text));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceStrings(item, text)]));
}

/** The names of the elements that a page opens and closes, in order; a page without raw text elements other than its style. */
function tagsOf(html: string): { name: string; closes: boolean; opens: boolean }[] {
  const body = html.replace(/<style>.*?<\/style>/s, '').replace('<!doctype html>', '');
  return [...body.matchAll(/<(\/?)([a-zA-Z][a-zA-Z0-9]*)(?:\s+[^<>]*?)?(\/?)>/g)].map(([, slash, name, self]) => ({
    name: name!,
    closes: slash === '/',
    opens: slash === '' && self === '',
  }));
}

function expectBalanced(html: string): void {
  const open: string[] = [];
  for (const { name, closes, opens } of tagsOf(html)) {
    if (closes) expect(open.pop()).toBe(name);
    else if (opens && !['meta', 'wbr'].includes(name)) open.push(name);
  }
  expect(open).toEqual([]);
}

describe('renderReport', () => {
  test('makes a page whose elements are closed in order', () => {
    expectBalanced(renderReport(sampleReport()));
    expectBalanced(renderReport(EMPTY));
  });

  test('shows every part', () => {
    const html = renderReport(sampleReport());
    const headings = [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, text]) => text);
    expect(headings).toEqual(
      expect.arrayContaining([
        'Model',
        'Training',
        'Comparison',
        'Continuations',
        'Memorisation',
        'Certificate',
        'Notes',
        'Metric signatures',
      ]),
    );
    expect(html.match(/<figure>/g)).toHaveLength(3);
    expect(html).toContain('n = 32 contexts');
    expect(html).toMatch(/<dt>Steps<\/dt><dd>88<.*<dt>Weights changed<\/dt><dd>99\.8 %</);
    expect(html).toContain('ttr|<wbr>unit:token-ids');
    expect(html).toMatch(/Training loss<\/h2><p><span class="before">4\.34<\/span>.*?<span class="after">0\.08</);
  });

  test('asks nothing of any other place and runs nothing', () => {
    const html = renderReport(sampleReport());
    expect(html).not.toMatch(
      /<(script|link|iframe|img|object|embed|form|base)\b|\s(src|on\w+|style)=|\shref="(?!#(sample|memorised)-\d+")|url\(|@import/i,
    );
    const stylesheet = /<style>(.*?)<\/style>/s.exec(html)![1]!;
    expect(html).toContain(
      `content="default-src 'none'; style-src 'sha256-${createHash('sha256').update(stylesheet).digest('base64')}'; base-uri 'none'; form-action 'none'"`,
    );
  });

  test('escapes hostile text wherever it stands', () => {
    const data = replaceStrings(sampleReport(), HOSTILE) as ReportData;
    const html = renderReport({ ...data, signatures: { [HOSTILE]: `${HOSTILE}|${HOSTILE}` } });
    expect(html).not.toMatch(/<script|<img|onerror='|<\/style>.*<\/style>/s);
    expect(html).toContain('&lt;/style&gt;&lt;/title&gt;&lt;script&gt;');
    expect(new Set(tagsOf(html).map(({ name }) => name))).toEqual(new Set(tagsOf(renderReport(sampleReport())).map(({ name }) => name)));
    expectBalanced(html);
  });

  test('puts control characters out of harm and shows line breaks', () => {
    const continuation = wordContinuation('a', 'one\u0000two \u001b[31m\n\n\nthree');
    const html = renderReport({ ...EMPTY, continuations: [{ context: 'c', continuations: [continuation] }] });
    expect(html).not.toMatch(/[\u0000\u001b]/);
    expect(html).toContain('one\ufffdtwo \ufffd[31m<span class="break">↵↵↵</span>\nthree');
  });

  test('is the same for the same data', () => {
    expect(renderReport(sampleReport())).toBe(renderReport(sampleReport()));
  });

  test('says what was not measured', () => {
    const html = renderReport({ ...EMPTY, variants: [{ name: 'original', isHyperfitted: false, metrics: { ttr: 0.25, entropy: NaN } }] });
    expect(html.match(/Nothing was measured\./g)).toHaveLength(3);
    expect(html).toContain('<td>0.250</td>');
    expect(html).toContain('<td>not a number</td>');
    expect(html).toContain('<td>– / –</td>');
    expect(html).not.toContain('class="tile"');
  });

  test('folds all but three contexts', () => {
    const html = renderReport(sampleReport());
    expect(html.split('<details>')[0]!.match(/<article>/g)).toHaveLength(3);
    expect(html).toContain('<summary>1 more context</summary>');
  });

  test('shades repeated runs and underlines long shared ones', () => {
    const looping = {
      name: 'a',
      ids: [0, 1, 2, 0, 1, 2, 0, 1, 2, 3],
      pieces: [' x', ' y', ' z', ' x', ' y', ' z', ' x', ' y', ' z', ' q'],
      overlap: { start: 3, length: 6 },
    };
    const html = renderReport({ ...EMPTY, continuations: [{ context: 'c', continuations: [looping] }] });
    expect(html).toContain(
      '<p class="text" dir="auto">x y z<mark class="shade-1 shared"> x y z</mark><mark class="shade-2 shared"> x y z</mark> q</p>',
    );
    const short = { ...looping, overlap: { start: 3, length: 5 } };
    expect(renderReport({ ...EMPTY, continuations: [{ context: 'c', continuations: [short] }] })).toContain(
      'x y z<mark class="shade-1"> x y z</mark>',
    );
  });
});

describe('writeReport', () => {
  test('leaves the page and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hyperfit-report-'));
    await writeReport(join(folder, 'report.html'), EMPTY);
    expect(await readdir(folder)).toEqual(['report.html']);
    expect(await readFile(join(folder, 'report.html'), 'utf8')).toBe(renderReport(EMPTY));
    await rm(folder, { recursive: true });
  });

  test('names a place that cannot be written', async () => {
    await expect(writeReport('/nowhere/at/all/report.html', EMPTY)).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining('/nowhere/at/all/report.html') }),
    );
  });
});
