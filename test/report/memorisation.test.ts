import { renderMemorisation } from '../../lib/report/memorisation.ts';
import type { MemorisedText, ReportMemorisation } from '../../lib/report/report-data.ts';
import { sampleReport } from './sample-report.ts';

const pieces = [' a', ' b', ' c', ' d', ' e', ' f'];
const span = (start: number, length: number, sequence: number, offset = 0): MemorisedText['spans'][number] => ({
  start,
  length,
  sequence,
  offset,
});

function sectionOf(texts: readonly MemorisedText[], more: Partial<ReportMemorisation> = {}): string {
  const samples = [0, 1, 2].map((sequence) => ({ sequence, source: 'novel.txt', offset: 10 * sequence, pieces: [' x', ' y', ' z'] }));
  return renderMemorisation({
    minLength: 2,
    rows: sampleReport().memorisation!.rows,
    blocker: null,
    contexts: [{ number: 4, context: 'once', texts }],
    samples,
    ...more,
  });
}

test('every link leads to a place on the page', () => {
  const html = renderMemorisation(sampleReport().memorisation);
  const targets = [...html.matchAll(/href="#([^"]*)"/g)].map(([, target]) => target!);
  expect(new Set(targets)).toEqual(
    new Set(['sample-17', 'sample-40', 'memorised-3', 'memorised-5', 'memorised-8', 'memorised-9', 'memorised-12']),
  );
  for (const target of targets) expect(html.match(new RegExp(`id="${target}"`, 'g'))).toHaveLength(1);
});

test('where spans overlap a token links to the longest, and no link stands in another', () => {
  const html = sectionOf([{ name: 'greedy', pieces, spans: [span(0, 3, 1), span(1, 4, 2)], divergence: null }]);
  expect(
    [...html.matchAll(/<a class="memorised" href="#sample-(\d)"[^>]*>([^<]*)<\/a>/g)].map(([, sample, text]) => [sample, text]),
  ).toEqual([
    ['1', 'a'],
    ['2', ' b c d e'],
  ]);
  expect(html).toContain('</a> f</p>');
  expect(html).toContain('tokens 0–2 are <a href="#sample-1">sample 1</a> from token 0; tokens 1–4 are');
});

test('marks where the text with the blocker leaves the other, within a span too', () => {
  const blocked: MemorisedText = { name: 'blocked', pieces, spans: [span(0, 4, 0)], divergence: 2, interventions: 1 };
  const html = sectionOf([blocked], { blocker: { matchLength: 1, total: 1, texts: 9, textsWithInterventions: 1, per100Tokens: 1.25 } });
  expect(html).toMatch(/>a b<\/a><span class="divergence"[^>]*>◆<\/span><a class="memorised"[^>]*> c d<\/a> e f<\/p>/);
  expect(html).toContain('<p class="facts">1 intervention; tokens 0–3 are');
  expect(html).toMatch(/changed the choice 1 times, in 1 of 9 texts, 1\.[23] times per 100 tokens/);
});

test('shows only the training sequences that are quoted, with the quoted tokens marked', () => {
  const html = sectionOf([{ name: 'greedy', pieces, spans: [span(0, 2, 1, 1)], divergence: null }]);
  expect(html.match(/id="sample-\d"/g)).toEqual(['id="sample-1"']);
  expect(html).toContain('novel.txt, from token 10; quoted after <a href="#memorised-4">context 4</a>');
  expect(html).toContain(' x<mark class="memorised"> y z</mark></p>');
});

test('escapes texts and sources, and stays away without data', () => {
  const hostile = '<script>"\'';
  const html = sectionOf([{ name: hostile, pieces: [hostile, hostile], spans: [span(0, 2, 0)], divergence: null }], {
    samples: [{ sequence: 0, source: hostile, offset: 0, pieces: [hostile, hostile] }],
    contexts: [
      { number: 1, context: hostile, texts: [{ name: hostile, pieces: [hostile, hostile], spans: [span(0, 2, 0)], divergence: 1 }] },
    ],
  });
  expect(html).not.toContain('<script');
  expect(renderMemorisation(undefined)).toBe('');
});

test('says that there is nothing, and names what is left out of a long list', () => {
  expect(sectionOf([], { contexts: [] })).toContain('No continuation has such a span.');
  const contexts = Array.from({ length: 63 }, (_, index) => ({ number: index, context: 'c', texts: [] }));
  expect(sectionOf([], { contexts })).toContain('3 more contexts stand in memorisation.json.');
});
