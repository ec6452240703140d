import { createHash } from 'node:crypto';
import { modelFileName } from '../model/base-name.ts';
import { escapeHtml } from '../report/escape.ts';
import { formatNumber, MISSING } from '../report/format-number.ts';
import { formatProbability } from '../report/format-probability.ts';
import { renderHtmlPage } from '../report/html-page.ts';
import { renderLineChart } from '../report/line-chart.ts';
import { STYLESHEET } from '../report/stylesheet.ts';
import { IMAGE_POLICY } from '../report/images.ts';
import { renderCompared } from './compared.ts';
import type { FindingChart, FindingImage, FindingMatrix, FindingRow, Findings, FindingText, PairedTest } from './findings.ts';
import { describeCount, type Measured } from './measured.ts';
import type { StudyFile } from './study-file.ts';
import { traceOf } from './trace.ts';

/** What the page of a study has beyond that of a run. */
const STUDY_STYLESHEET = `${STYLESHEET}
table.wide { table-layout: auto; }
table.wide td, table.wide th { white-space: nowrap; }
table.wide td.free, table.wide th.free { text-align: left; }
table.wide tbody th, table.wide td.free { white-space: normal; min-width: 8rem; }
td[title], figure[title] { cursor: help; }
.interval { color: var(--muted); font-size: .85em; margin-left: .35rem; }
.subtitle { margin-bottom: 1.25rem; }
.charts { grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); }
table.wide th[rowspan] { border-right: 1px solid var(--line); }
.interval-line { stroke-width: 2.2; stroke-linecap: round; }
.run-mark { stroke-width: 1.4; opacity: .55; }
.published { fill: var(--card); stroke: var(--muted); stroke-width: 1.4; }
.colour-1 line { stroke: var(--c1); } .colour-2 line { stroke: var(--c2); } .colour-4 line { stroke: var(--c4); }
figure summary { font-size: .74rem; margin: .4rem 0 0; }
.sources { color: var(--muted); font-size: .74rem; margin: .5rem 0 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  table.wide tbody th, table.wide td.free { min-width: 5.5rem; max-width: 7.5rem; overflow-wrap: break-word; hyphens: auto; }
  table.wide .interval { display: block; margin: 0; }
}
`;

const STYLE_HASH = createHash('sha256').update(STUDY_STYLESHEET).digest('base64');

/** Nothing may run or be loaded; pictures stand in the page itself. */
function policyOf(findings: Findings | null): string {
  const images = findings === null || findings.images.length === 0 ? '' : `${IMAGE_POLICY}; `;
  return `default-src 'none'; ${images}style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;
}

/**
 * index.html: one page without script and without any other file. Every number says in its title what it is, of how many, and which file
 * holds it.
 */
export function renderStudyPage(file: StudyFile): string {
  const { findings } = file;
  const body =
    findings === null
      ? ['<p>Not finished.</p>']
      : [
          renderPlots(findings),
          renderRows(findings.rows),
          ...findings.matrices.map(renderMatrix),
          renderTests(findings.tests),
          ...findings.images.map(renderImage),
          renderTexts(findings.texts),
          renderFooter(file),
        ];
  const parts = [renderHeader(file), ...body].filter((part) => part !== '');
  return renderHtmlPage({ title: file.title, policy: policyOf(findings), style: STUDY_STYLESHEET, body: parts.join('\n') });
}

function renderHeader(file: StudyFile): string {
  const { config } = file.settings;
  const facts: [string, [string, string][]][] = [
    [
      'Model',
      [
        ['Files', modelFileName(file.model.path)],
        ['Type', file.model.type],
        ['Weights', `float32, computing in ${config.computeDtype}`],
      ],
    ],
    [
      'Data',
      file.domains.map(({ name, train, heldOutSequences, contexts }) => [
        name,
        `${train.sequences} sequences, ${heldOutSequences.sequences} held out, ${contexts.contexts} contexts`,
      ]),
    ],
    [
      'Recipe',
      [
        ['Sequence length', String(config.sequenceLength)],
        ['Learning rate', String(config.learningRate)],
        ['Batch size', String(config.batchSize)],
        ['Epochs', String(config.epochs ?? '–')],
        ['Seeds', file.seeds.join(', ')],
        ['New tokens', String(config.maxNewTokens)],
      ],
    ],
    [
      'Machine',
      [
        ['Processor', `${file.machine.processor}, ${file.machine.cores} cores`],
        ['Device', file.machine.device],
        ['Versions', `hyperfit ${file.versions.hyperfit}, torch ${file.versions.torch}, node ${file.versions.node}`],
        ['Started', file.startedAt],
      ],
    ],
  ];
  const groups = facts.map(
    ([title, rows]) =>
      `<section class="facts-group"><h2>${title}</h2><dl>${rows.map(([label, value]) => `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl></section>`,
  );
  return `<header><h1>${escapeHtml(file.title)}</h1><p class="subtitle">${escapeHtml(file.question)}</p><div class="run">${groups.join('')}</div></header>`;
}

function renderPlots({ charts, compared, rows }: Findings): string {
  const figures = [...charts.map(renderFigure), ...renderCompared(compared, rows)];
  if (figures.length === 0) return '';
  const isPublished = rows.some(({ quantity, paper }) => paper !== null && compared.includes(quantity));
  const caption =
    compared.length === 0
      ? ''
      : `<p class="caption">Dots: ours, with the intervals or ranges of the table, and a stroke for each seed where there are several.${isPublished ? ' Hollow: as published, of other models.' : ''}</p>`;
  return `<section><h2>Plots</h2><div class="charts">${figures.join('')}</div>${caption}</section>`;
}

function renderFigure(chart: FindingChart): string {
  const series = chart.series.map((line, index) => ({ ...line, note: sourceText(chart.sources[index]) }));
  const keys = series
    .filter(({ points }) => points.length > 0)
    .map(
      ({ name, colour }) =>
        `<span class="key"><svg class="swatch colour-${colour}" viewBox="0 0 14 4" aria-hidden="true"><rect width="14" height="4" rx="2"/></svg>${escapeHtml(name)}</span>`,
    );
  return `<figure><figcaption><h3>${escapeHtml(chart.title)}</h3>${keys.join('')}</figcaption>${renderLineChart({ ...chart, series })}${renderSources(chart)}</figure>`;
}

/** Folded: one line for each series. */
function renderSources({ series, sources }: FindingChart): string {
  const lines = sources.flatMap((source, index) =>
    source.signature === '' ? [] : [`<p class="sources">${breakable(`${series[index]!.name}: ${sourceText(source)}`)}</p>`],
  );
  return lines.length === 0 ? '' : `<details><summary>what these numbers are</summary>${lines.join('')}</details>`;
}

function sourceText(source: FindingChart['sources'][number] | undefined): string {
  return source === undefined || source.signature === '' ? '' : `${source.over}; ${source.signature}; ${source.files.join(', ')}`;
}

function renderRows(rows: readonly FindingRow[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(
    (row, index) => `<tr>${rows[index - 1]?.of === row.of ? '' : renderName(row.of, rows.slice(index))}${renderCells(row)}</tr>`,
  );
  const head =
    '<tr><td></td><th scope="col" class="free">Quantity</th><th scope="col">Ours</th><th scope="col">Paper</th><th scope="col">Certainty</th></tr>';
  const caption =
    '<p class="caption">Paper: arXiv 2412.04318, other models and more data than here. Certainty: C quoted or official, S second-hand, D computed or read off a figure, I interpretation; empty cells were not published. Ours: value and 95 % interval, over contexts and seeds where there are several seeds, else over contexts alone; a range is from the least to the largest of what was computed. What each number is stands in its title.</p>';
  return `<section><h2>Results</h2><div class="scroll" tabindex="0"><table class="wide"><thead>${head}</thead><tbody>${lines.join('')}</tbody></table></div>${caption}</section>`;
}

/** Once for all the rows that follow one another under it. */
function renderName(of: string, rows: readonly FindingRow[]): string {
  const other = rows.findIndex((row) => row.of !== of);
  const count = other < 0 ? rows.length : other;
  return `<th scope="${count > 1 ? 'rowgroup' : 'row'}"${count > 1 ? ` rowspan="${count}"` : ''}>${escapeHtml(of)}</th>`;
}

function renderCells({ quantity, paper, ours, digits, missing }: FindingRow): string {
  return `<td class="free">${escapeHtml(quantity)}</td>${measuredCell(ours, digits, missing)}<td>${escapeHtml(paper?.text ?? '')}</td><td>${paper?.mark ?? ''}</td>`;
}

function measuredCell(measured: Measured | null, digits: number, missing = 'nothing to measure'): string {
  if (measured === null) return `<td>${MISSING}<span class="interval">${escapeHtml(missing)}</span></td>`;
  const { value, low, high, spread } = measured;
  const interval =
    low === null || high === null
      ? ''
      : `<span class="interval">${spread === 'range' ? 'range ' : ''}${formatNumber(low, digits)} to ${formatNumber(high, digits)}</span>`;
  return `<td title="${escapeHtml(traceOf(measured, digits))}">${formatNumber(value, digits)}${interval}</td>`;
}

function renderMatrix({ title, rowTitle, columnTitle, rows, columns, values, digits }: FindingMatrix): string {
  const head = `<tr><td></td>${columns.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr>`;
  const lines = rows.map(
    (name, row) =>
      `<tr><th scope="row">${escapeHtml(name)}</th>${columns.map((_, column) => measuredCell(withoutInterval(values[row]?.[column] ?? null), digits)).join('')}</tr>`,
  );
  return `<section><h2>${escapeHtml(title)}</h2><div class="scroll" tabindex="0"><table class="wide"><thead>${head}</thead><tbody>${lines.join('')}</tbody></table></div><p class="caption">Rows: ${escapeHtml(rowTitle)}; columns: ${escapeHtml(columnTitle)}.</p></section>`;
}

/** Matrices stay readable: their intervals are in study.json. */
function withoutInterval(measured: Measured | null): Measured | null {
  return measured === null ? null : { ...measured, low: null, high: null };
}

function renderTests(tests: readonly PairedTest[]): string {
  if (tests.length === 0) return '';
  const lines = tests.map(
    ({ first, second, quantity, difference, low, high, p, isBound, adjustedP, isAdjustedBound, signature, files, ...counted }) => {
      const over = describeCount(counted);
      const title = escapeHtml(`${over}; ${signature}; ${files.join(', ')}`);
      const numbers = [
        `${formatNumber(difference, 3)}<span class="interval">${formatNumber(low, 3)} to ${formatNumber(high, 3)}</span>`,
        formatProbability(p, isBound),
        formatProbability(adjustedP, isAdjustedBound),
        over,
      ];
      return `<tr><th scope="row">${escapeHtml(`${first} against ${second}`)}</th><td class="free">${escapeHtml(quantity)}</td>${numbers.map((number) => `<td title="${title}">${number}</td>`).join('')}</tr>`;
    },
  );
  const head =
    '<tr><td></td><th scope="col" class="free">Quantity</th><th scope="col">Difference</th><th scope="col">p</th><th scope="col">p, Holm</th><th scope="col">Over</th></tr>';
  return `<section><h2>Paired comparisons</h2><div class="scroll" tabindex="0"><table class="wide"><thead>${head}</thead><tbody>${lines.join('')}</tbody></table></div><p class="caption">Differences on the same contexts, with 95 % intervals. p by flipping the signs of contexts (all ways up to 20 of them); with several seeds the interval is over contexts and seeds, and p the larger of that one and of the flips. Holm adjusts for all tests of this page: ${tests.length}.</p></section>`;
}

function renderImage({ title, caption, width, base64 }: FindingImage): string {
  return `<section><h2>${escapeHtml(title)}</h2><img class="grid-image" alt="${escapeHtml(caption)}" width="${width}" src="data:image/png;base64,${base64}"><p class="caption">${escapeHtml(caption)}</p></section>`;
}

function renderTexts(texts: readonly FindingText[]): string {
  if (texts.length === 0) return '';
  const articles = texts.map(({ context, continuations }) => {
    const columns = continuations.map(
      ({ name, text }) => `<div class="continuation"><h3>${escapeHtml(name)}</h3><p class="text" dir="auto">${escapeHtml(text)}</p></div>`,
    );
    return `<article><blockquote dir="auto"><span class="label">Context</span>${escapeHtml(context)}</blockquote><div class="columns">${columns.join('')}</div></article>`;
  });
  return `<section><h2>Continuations</h2>${articles.join('')}</section>`;
}

function renderFooter({ findings, cells, domains }: StudyFile): string {
  const notes = findings!.notes.map((note) => `<li>${escapeHtml(note)}</li>`);
  const manifests = domains.map(
    ({ name, train, heldOutSequences, contexts }) =>
      `<dt>${escapeHtml(name)}</dt><dd><code>${breakable(`train ${train.sha256} | held out ${heldOutSequences.sha256} | contexts ${contexts.sha256}`)}</code></dd>`,
  );
  const times = cells.map(
    ({ file, kind, seconds }) =>
      `<dt>${escapeHtml(file)}</dt><dd>${kind}, ${seconds === null ? 'not run' : `${formatNumber(seconds, 1)} s`}</dd>`,
  );
  return `<footer>${notes.length === 0 ? '' : `<h2>Notes</h2><ul>${notes.join('')}</ul>`}<h2>Manifests (SHA-256)</h2><dl class="signatures">${manifests.join('')}</dl><details><summary>${cells.length} cells</summary><dl class="signatures">${times.join('')}</dl></details></footer>`;
}

function breakable(text: string): string {
  return escapeHtml(text).replaceAll('|', '|<wbr>');
}
