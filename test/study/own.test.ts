import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudyMetric, StudyWriter } from '../../lib/study/own.ts';
import { runStudy } from '../../lib/study/run-study.ts';
import { normalizeSetting, type StudyOptions } from '../../lib/study/setting.ts';
import { findStudy } from '../../lib/study/studies.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL, writeIds } from '../train/tiny.ts';

const folder = freshFolder();
const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 16 }, () => 16)));
const out = join(folder, 'quality');
const values = { samples: 8, batchSize: 4, epochs: 1, comparisonContexts: 6, contextLength: 6, maxNewTokens: 8 };
const LEAD = 'mean id less 100';

let measured: number;
/** Below 0 at times, and of the texts that begin with an even id alone. */
const lead: StudyMetric = {
  name: LEAD,
  version: 1,
  unit: 'ids',
  digits: 1,
  measure: ({ ids }, { context, reference, trainingSamples }) => {
    measured++;
    if (context.length !== 6 || reference.length === 0 || trainingSamples.length !== 8) throw new Error('told something else');
    return ids.reduce((sum, id) => sum + id, 0) / ids.length - 100;
  },
};
const half: StudyMetric = { name: 'first id, of even ones', version: 'a', measure: async ({ ids }) => (ids[0]! % 2 === 0 ? ids[0]! : null) };
const byOptions: StudyWriter = { name: 'top-k 3', version: 1, options: { temperature: 1, topK: 3 } };
const byHook: StudyWriter = { name: 'never below 100', version: 1, weights: 'original', options: { logitsHook: (logits) => logits.fill(-Infinity, 0, 100) } };
let written: number;
const byFunction: StudyWriter = {
  name: 'counting',
  version: 1,
  write: async (_model, { contexts, newTokens, seed }) => { written++; return contexts.map(() => Int32Array.from({ length: newTokens }, (_, at) => 10 + at + seed)); },
};

async function study(own: Pick<StudyOptions, 'metrics' | 'writers'>, name = 'quality', to = out): Promise<{ file: StudyFile; ran: string[] }> {
  [measured, written] = [0, 0];
  const ran: string[] = [];
  const setting = normalizeSetting({ model: TINY_MODEL, out: to, seeds: [0, 1], keepModels: true, domains: [{ name: 'noise', data, heldOut: null }], layers: [{ name: 'test', values }], ...own });
  const file = await runStudy(findStudy(name)!, setting, { onCell: ({ type, cell }) => void (type === 'started' && ran.push(cell)) });
  return { file, ran };
}

const ttrOf = ({ findings }: StudyFile, of: string): number => findings!.rows.find((row) => row.of === of && row.quantity === 'type-token ratio')!.ours!.value;

test('metrics and ways of writing of one\'s own stand in quality, and what is finished is not done again', async () => {
  const plain = await study({});
  expect(plain.file.settings).not.toHaveProperty('metrics');
  const both = await study({ metrics: [lead, half], writers: [byOptions, byHook, byFunction] });
  expect(both.ran.filter((cell) => !/^metric-|^text-own-/.test(cell))).toEqual([]);
  expect(both.ran.filter((cell) => cell.startsWith('text-own-'))).toHaveLength(6);
  const { findings, settings } = both.file;
  expect(settings).toMatchObject({ metrics: [{ name: LEAD, version: 1 }, { name: 'first id, of even ones', version: 'a' }], writers: [{ name: 'top-k 3', version: 1 }, { name: 'never below 100', version: 1 }, { name: 'counting', version: 1 }] });

  const rows = findings!.rows.filter(({ quantity }) => quantity === `${LEAD}, ids`);
  expect(rows.map(({ of }) => of)).toEqual(expect.arrayContaining(['original, greedy', 'hyperfitted, greedy', 'hyperfitted, top-k 3', 'original, never below 100', 'hyperfitted, counting']));
  const counting = rows.find(({ of }) => of === 'hyperfitted, counting')!.ours!;
  expect(counting).toMatchObject({ value: 13.5 + 0.5 - 100, seeds: [-86.5, -85.5], n: 6, unit: 'contexts', files: ['cells/metric-mean-id-less-100-text-own-counting-s0.json', 'cells/metric-mean-id-less-100-text-own-counting-s1.json'] });
  expect(counting.low!).toBeLessThan(-86);
  expect(counting.signature).toMatch(/^own-metric:mean-id-less-100\|version:1\|/);
  expect(rows.find(({ of }) => of === 'original, never below 100')!.ours!.value).toBeGreaterThan(0);
  expect(ttrOf(both.file, 'hyperfitted, counting')).toBe(1);
  expect(ttrOf(both.file, 'hyperfitted, greedy')).toBe(ttrOf(plain.file, 'hyperfitted, greedy'));

  const tests = findings!.tests.filter(({ quantity }) => quantity === `${LEAD}, ids`);
  expect(tests.map(({ second }) => second)).toContain('hyperfitted, counting');
  expect(tests[0]!.adjustedP).toBeGreaterThanOrEqual(tests[0]!.p);
  expect(findings!.tests.filter(({ quantity, second }) => quantity === 'type-token ratio' && second === 'hyperfitted, top-k 3')).toHaveLength(1);
  for (const file of ['table.md', 'index.html']) expect(readFileSync(join(out, file), 'utf8')).toContain(LEAD);
  expect(readFileSync(join(out, 'generations', 'own-counting-s1.jsonl'), 'utf8').split('\n')).toHaveLength(7);

  const again = await study({ metrics: [lead, half], writers: [byOptions, byHook, byFunction] });
  expect({ ran: again.ran, measured, written }).toEqual({ ran: [], measured: 0, written: 0 });
  expect(again.file.findings).toEqual(findings);
  const newer = await study({ metrics: [{ ...lead, version: 2 }], writers: [{ ...byFunction, version: 2 }] });
  expect(newer.ran.filter((cell) => !cell.startsWith('metric-mean-id-less-100-'))).toEqual(['text-own-counting-s0', 'text-own-counting-s1']);
  expect(written).toBe(2);
});

test.each<[string, Pick<StudyOptions, 'metrics' | 'writers'>, string]>([
  ['a metric without a version', { metrics: [{ name: 'a', measure: () => 1 } as unknown as StudyMetric] }, 'expected a `version`'],
  ['a metric without a function', { metrics: [{ name: 'a', version: 1 } as unknown as StudyMetric] }, 'function for `measure`'],
  ['two of a name', { metrics: [lead, { ...lead }] }, 'different names'],
  ['a name without letters', { writers: [{ ...byFunction, name: '!' }] }, 'a letter or a digit'],
  ['a writer that does both', { writers: [{ ...byOptions, write: byFunction.write! }] }, 'got both'],
  ['a writer that does neither', { writers: [{ name: 'a', version: 1 }] }, 'got neither'],
  ['options that are the study\'s', { writers: [{ name: 'a', version: 1, options: { maxNewTokens: 3 } as object }] }, 'expected no maxNewTokens'],
  ['options that there are not', { writers: [{ name: 'a', version: 1, options: { topQ: 3 } as object }] }, 'topQ'],
])('refuses %s', async (_, own, text) => {
  expect(await refusal((async () => study(own))())).toEqual({ code: 'ERR_CONFIG', message: expect.stringContaining(text) as string });
});

test.each<[string, Pick<StudyOptions, 'metrics' | 'writers'>, string]>([
  ['a metric that gives NaN', { metrics: [{ ...lead, version: 'nan', measure: () => NaN }] }, 'got NaN'],
  ['too few texts', { writers: [{ ...byFunction, version: 'few', write: async () => [] }] }, 'got 0'],
  ['texts that are too short', { writers: [{ ...byFunction, version: 'short', write: async (_model, { contexts }) => contexts.map(() => [1]) }] }, 'expected 8 ids for text 0 of counting, got 1'],
])('refuses %s', async (_, own, text) => {
  expect(await refusal(study(own))).toEqual({ code: 'ERR_DATA', message: expect.stringContaining(text) as string });
});

test('what a metric throws reaches the caller; other studies have no place for one', async () => {
  await expect(study({ metrics: [{ ...lead, version: 'throws', measure: () => { throw new Error('mine'); } }] })).rejects.toThrow('mine');
  expect(await refusal(study({ metrics: [lead] }, 'curve', join(folder, 'curve')))).toEqual({ code: 'ERR_CONFIG', message: expect.stringContaining('got curve') as string });
});
