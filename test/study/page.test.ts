import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { pathToFileURL } from 'node:url';
import { adjustTests, chartOf, comparePairs, measuredSeries, NO_FINDINGS, type Findings } from '../../lib/study/findings.ts';
import { publishedValue } from '../../lib/study/compared.ts';
import { plain } from '../../lib/study/measured.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { renderStudyPage } from '../../lib/study/study-page.ts';
import { renderStudyTable } from '../../lib/study/study-table.ts';
import { CHROMIUM, launchBrowser, testWithBrowser } from '../compare/browser.ts';

const HOSTILE = `</style><script>alert(1)</script><img src=x onerror='alert(2)'>|"`;

function sampleFile(text = 'fine'): StudyFile {
  const measured = (value: number, low: number | null = null, high: number | null = null) => ({
    ...plain(value, 'ttr|unit:token-ids', [32, 'contexts'], ['text-a']),
    low,
    high,
    seeds: [value, value + 0.01],
  });
  const runs = (values: number[]) => [{ cell: 'text-a', parts: values.map((sum) => ({ sum, count: 1 })) }];
  const findings: Findings = adjustTests({
    ...NO_FINDINGS,
    rows: [
      { of: text, quantity: text, paper: { text: '.600', mark: 'S' }, ours: measured(0.61, 0.58, 0.64), digits: 3 },
      { of: 'original', quantity: 'type-token ratio', paper: null, ours: null, digits: 3 },
      {
        of: `original ${text}`,
        quantity: `entropy ${text}`,
        paper: { text: '.480', mark: 'C' },
        ours: measured(0.42, 0.4, 0.44),
        digits: 3,
      },
      { of: `hyperfitted ${text}`, quantity: `entropy ${text}`, paper: null, ours: measured(0.84), digits: 3 },
      { of: `hyperfitted ${text}`, quantity: 'perplexity', paper: null, ours: measured(84), digits: 1 },
    ],
    compared: [`entropy ${text}`, 'perplexity', 'nothing of that name'],
    charts: [
      chartOf({ title: text, xLabel: text, yLabel: text, digits: 2, xScale: 'log', pointName: 'samples' }, [
        measuredSeries(
          text,
          1,
          [8, 16, 128].map((x, at) => ({ x, measured: measured(0.4 + at / 10) })),
        ),
      ]),
    ],
    matrices: [
      {
        title: text,
        rowTitle: text,
        columnTitle: 'b',
        rows: ['a', text],
        columns: ['a', 'b'],
        values: [
          [measured(1), measured(0.7)],
          [null, measured(1)],
        ],
        digits: 2,
      },
    ],
    tests: comparePairs('type-token ratio', [
      [
        { name: text, runs: runs([3, 4, 5]) },
        { name: 'b', runs: runs([1, 2, 3]) },
      ],
    ]),
    texts: [{ context: text, continuations: [{ name: text, text }] }],
    images: [],
    notes: [text],
  });
  return {
    schemaVersion: 1,
    study: 'quality',
    title: `A study ${text}`,
    question: text,
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    versions: { hyperfit: '0.1.0', node: 'v20', torch: '2.11.0' },
    machine: { platform: 'linux-x64', processor: text, cores: 2, memoryGiB: 8, device: 'cpu', threads: 2 },
    model: { path: text, type: 'llama', files: {} },
    domains: [
      {
        name: 'noise',
        data: text,
        heldOut: null,
        train: { sequences: 16, sha256: 'aa' },
        heldOutSequences: { sequences: 8, sha256: 'bb' },
        contexts: { contexts: 4, sha256: 'cc' },
      },
    ],
    seeds: [0, 1],
    settings: {
      config: { computeDtype: 'float32', sequenceLength: 256, learningRate: 1e-4, batchSize: 8, epochs: 20, maxNewTokens: 96 },
    } as StudyFile['settings'],
    cells: [{ id: 'text-a', kind: 'text', hash: 'dd', file: 'cells/text-a.json', seconds: 1.5 }],
    findings,
  };
}

test('every measured number on the page says how many, signature and file', () => {
  const html = renderStudyPage(sampleFile());
  const cells = [...html.matchAll(/<td( title="([^"]*)")?>([^<]*\d[^<]*)/g)].filter(([, , , number]) => !/^\.[64]/.test(number!));
  expect(cells.length).toBeGreaterThanOrEqual(7);
  for (const [, , title] of cells) expect(title).toMatch(/^\d+ contexts.*\|.*hyperfit:.*cells\/text-a\.json$/);
  for (const [, title] of html.matchAll(/<circle[^>]*><title>(.*?)<\/title>/g))
    expect(title).toMatch(/samples \d+: 0\.\d\d; 32 contexts x 2 seeds; ttr\|.*cells\/text-a\.json/);
  expect(html).toContain('<td>.600</td><td>S</td>');
});

test('compared quantities stand one under the other, with intervals, seeds and what was published', () => {
  const html = renderStudyPage(sampleFile());
  // A quantity of one row has nothing to be compared with.
  expect(html.match(/<svg[^>]*aria-label="[^"]*"/g)!.filter((svg) => /entropy|perplexity/.test(svg))).toEqual([
    expect.stringContaining('entropy fine: original fine 0.420; hyperfitted fine 0.840'),
  ]);
  const figure = /<h3>Entropy fine<\/h3>.*?<\/figure>/s.exec(html)![0];
  const rows = [...figure.matchAll(/<g class="series colour-(\d)"><title>([^<]*)<\/title>/g)];
  expect(rows.map(([, colour, title]) => [colour, title])).toEqual([
    ['1', expect.stringMatching(/^original fine: 0\.420; 32 contexts x 2 seeds; by seed 0\.420, 0\.430; ttr\|.*cells\/text-a\.json$/)],
    ['2', expect.stringMatching(/^hyperfitted fine: 0\.840; 32 contexts x 2 seeds/)],
  ]);
  expect(figure.match(/class="interval-line"/g)).toHaveLength(1);
  expect(figure.match(/class="run-mark"/g)).toHaveLength(4);
  expect(figure).toContain('<title>paper: .480 (C)</title>');
  const places = [...figure.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x));
  // 0.84 is twice 0.42, counted from where the axis begins.
  expect((places[1]! - 18) / (places[0]! - 18)).toBeCloseTo(2, 1);
});

test('no cell is blank without a word, and no folder of a person is shown', () => {
  const file = sampleFile();
  file.model.path = '/home/somebody/models/SmolLM2.gguf';
  file.findings!.rows.push({
    of: 'people',
    quantity: 'type-token ratio',
    paper: null,
    ours: null,
    digits: 3,
    missing: 'no original is long enough',
  });
  const [html, table] = [renderStudyPage(file), renderStudyTable(file)];
  expect(html).toContain('<td>–<span class="interval">no original is long enough</span></td>');
  // Ours stands before the paper's, where a narrow screen shows it.
  expect(html).toContain('<th scope="col">Ours</th><th scope="col">Paper</th>');
  expect(html).not.toMatch(/<td class="free">[^<]*<\/td><td><\/td>/);
  expect(table).toContain('| people | type-token ratio |  |  | – (no original is long enough) |');
  for (const text of [html, table]) {
    expect(text).toContain('SmolLM2.gguf');
    expect(text).not.toContain('somebody');
  }
});

test('tests are written with bounds as bounds, and with what they were taken over', () => {
  const [html, table] = [renderStudyPage(sampleFile()), renderStudyTable(sampleFile())];
  expect(html).toMatch(
    /<th scope="row">fine against b<\/th>.*?>2\.000<span class="interval">2\.000 to 2\.000<\/span><\/td><td title="3 contexts; paired\|[^"]*">0\.2500<\/td>.*?>3 contexts<\/td>/,
  );
  expect(html).toContain('Holm adjusts for all tests of this page: 1.');
  expect(table).toMatch(/\| fine - b \| type-token ratio \| 2\.000 \(2\.000 to 2\.000\) \| 0\.2500 \| 0\.2500 \| 3 contexts \[\d+\] \|/);
});

test('a name is written once for the rows under it', () => {
  expect(renderStudyPage(sampleFile())).toContain('<th scope="rowgroup" rowspan="2">hyperfitted fine</th>');
});

test.each([
  ['.282', 0.282],
  ['about .17', 0.17],
  ['4.0 (Llama 3.1 8B)', 4],
  ['103', 103],
  ['37 to 40 (DeepSeek 7B)', Number.NaN],
  ['under .02', Number.NaN],
  ['.68 to .75', Number.NaN],
])('published %s is drawn at %d', (text, value) => {
  expect(publishedValue(text)).toBe(value);
});

test('hostile text is escaped everywhere', () => {
  const html = renderStudyPage(sampleFile(HOSTILE));
  expect(html).not.toMatch(/<script|<img|onerror='/);
  const table = renderStudyTable(sampleFile(HOSTILE));
  // Bars inside a cell are escaped: every row of results has its five cells.
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && line.includes('.600'));
  expect(rows.map((line) => line.replaceAll('\\|', '').split('|').length)).toEqual([7]);
});

describe('in a browser', () => {
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (CHROMIUM !== undefined) browser = await launchBrowser();
  });
  afterAll(async () => browser?.close());

  testWithBrowser('the page loads nothing, complains of nothing, and its style applies', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'hyperfit-study-')), 'index.html');
    writeFileSync(path, renderStudyPage(sampleFile(HOSTILE)));
    const page = await browser!.newPage({ viewport: { width: 390, height: 800 } });
    const said: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    expect(said).toEqual([]);
    expect(asked).toEqual([pathToFileURL(path).href]);
    expect(await page.locator('figure svg circle').count()).toBe(5);
    const overflow = await page.locator('body').evaluate((body) => body.scrollWidth - body.clientWidth);
    expect(overflow).toBe(0);
    // Only with the stylesheet is a chart as wide as its figure.
    const [figure, chart] = [await page.locator('figure').first().boundingBox(), await page.locator('figure > svg').first().boundingBox()];
    expect(chart!.width / figure!.width).toBeGreaterThan(0.85);
  });
});
