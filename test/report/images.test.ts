import { renderReport } from '../../lib/report/report.ts';
import type { ReportData, ReportImages } from '../../lib/report/report-data.ts';

const png = Uint8Array.of(1, 2, 3);
const images: ReportImages = {
  png,
  width: 400,
  rows: ['real images', '<b>original</b>'],
  real: { rowRepeatRate: 0.125, paletteTtr: 0.5, distinctRows: 0.75, trainingMatch: 0.5 },
};
const data: ReportData = {
  title: 'images',
  facts: [],
  curves: {
    steps: [],
    evaluations: [
      { step: 0, ttr: 0.3 },
      { step: 4, ttr: 0.6 },
    ],
    about: 'images',
  },
  variants: [
    {
      name: 'original, greedy',
      isHyperfitted: false,
      metrics: { rowRepeatRate: 0.875, paletteTtr: 0.03, distinctRows: 0.2, contexts: 16 },
    },
    {
      name: 'hyperfitted, greedy',
      isHyperfitted: true,
      metrics: { rowRepeatRate: 0.25, paletteTtr: 0.08, distinctRows: 0.7, contexts: 16 },
    },
  ],
  continuations: [],
  images,
};

test('the grid stands in the page itself, and the policy lets it', () => {
  const html = renderReport(data);
  expect(html).toContain('width="400" src="data:image/png;base64,AQID"');
  expect(html).toMatch(/content="default-src 'none'; [^"]*; img-src data:"/);
  expect(html.match(/<img/g)).toHaveLength(1);
  expect(html).toContain('Rows from above: real images; &lt;b&gt;original&lt;/b&gt;.');
  expect(html).toContain('row repeats 0.125, palette TTR 0.500, distinct rows 0.750, training match 0.500');
});

test('figures of images take the place of those of texts', () => {
  const html = renderReport(data);
  expect(html).toContain('Of the completed images');
  expect(html).toContain('<td>0.875</td><td class="tint">0.250</td>');
  expect(html).toContain('<h3>Distinct rows</h3>');
  expect(html).toMatch(/Row repeats<\/h2><p><span class="before">0\.88<\/span>.*?<span class="after">0\.25</);
  expect(html).not.toMatch(/Self-BLEU|Of the continuations|held-out text|Text metrics/);
});

test('a page about text has neither image nor permission for one', () => {
  const { images: _, ...text } = data;
  expect(renderReport(text)).not.toMatch(/<img|img-src/);
});
