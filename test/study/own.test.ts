import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudyMetric, StudyWriter } from '../../lib/study/own.ts';
import { runStudy } from '../../lib/study/run-study.ts';
import { normalizeSetting, type StudyOptions } from '../../lib/study/setting.ts';
import { findStudy } from '../../lib/study/studies.ts';
import { STUDY_NAMES } from '../../lib/study/study.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL, writeIds } from '../train/tiny.ts';

const folder = freshFolder();
const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 16 }, () => 16)));
const more = writeIds(
  join(folder, 'more.jsonl'),
  randomSequences(
    Array.from({ length: 16 }, () => 16),
    5,
  ),
);
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
const half: StudyMetric = {
  name: 'first id, of even ones',
  version: 'a',
  measure: async ({ ids }) => (ids[0]! % 2 === 0 ? ids[0]! : null),
};
const byOptions: StudyWriter = { name: 'top-k 3', version: 1, options: { temperature: 1, topK: 3 } };
const byHook: StudyWriter = {
  name: 'never below 100',
  version: 1,
  weights: 'original',
  options: { logitsHook: (logits) => logits.fill(-Infinity, 0, 100) },
};
let written: number;
const byFunction: StudyWriter = {
  name: 'counting',
  version: 1,
  write: async (_model, { contexts, newTokens, seed }) => {
    written++;
    return contexts.map(() => Int32Array.from({ length: newTokens }, (_, at) => 10 + at + seed));
  },
};

async function study(
  own: Pick<StudyOptions, 'metrics' | 'writers'>,
  name = 'quality',
  to = out,
): Promise<{ file: StudyFile; ran: string[] }> {
  [measured, written] = [0, 0];
  const ran: string[] = [];
  const setting = normalizeSetting({
    model: TINY_MODEL,
    out: to,
    seeds: [0, 1],
    keepModels: true,
    domains: [{ name: 'noise', data, heldOut: null }],
    layers: [{ name: 'test', values }],
    ...own,
  });
  const file = await runStudy(findStudy(name)!, setting, { onCell: ({ type, cell }) => void (type === 'started' && ran.push(cell)) });
  return { file, ran };
}

const ttrOf = ({ findings }: StudyFile, of: string): number =>
  findings!.rows.find((row) => row.of === of && row.quantity === 'type-token ratio')!.ours!.value;

test("metrics and ways of writing of one's own stand in quality, and what is finished is not done again", async () => {
  const plain = await study({});
  expect(plain.file.settings).not.toHaveProperty('metrics');
  const both = await study({ metrics: [lead, half], writers: [byOptions, byHook, byFunction] });
  expect(both.ran.filter((cell) => !/^metric-|^text-own-/.test(cell))).toEqual([]);
  expect(both.ran.filter((cell) => cell.startsWith('text-own-'))).toHaveLength(6);
  const { findings, settings } = both.file;
  expect(settings).toMatchObject({
    metrics: [
      { name: LEAD, version: 1 },
      { name: 'first id, of even ones', version: 'a' },
    ],
    writers: [
      { name: 'top-k 3', version: 1 },
      { name: 'never below 100', version: 1 },
      { name: 'counting', version: 1 },
    ],
  });

  const rows = findings!.rows.filter(({ quantity }) => quantity === `${LEAD}, ids`);
  expect(rows.map(({ of }) => of)).toEqual(
    expect.arrayContaining([
      'original, greedy',
      'hyperfitted, greedy',
      'hyperfitted, top-k 3',
      'original, never below 100',
      'hyperfitted, counting',
    ]),
  );
  const counting = rows.find(({ of }) => of === 'hyperfitted, counting')!.ours!;
  expect(counting).toMatchObject({
    value: 13.5 + 0.5 - 100,
    seeds: [-86.5, -85.5],
    n: 6,
    unit: 'contexts',
    files: ['cells/metric-mean-id-less-100-text-own-counting-s0.json', 'cells/metric-mean-id-less-100-text-own-counting-s1.json'],
  });
  expect(counting.low!).toBeLessThan(-86);
  expect(counting.signature).toMatch(/^own-metric:mean-id-less-100\|version:1\|/);
  expect(rows.find(({ of }) => of === 'original, never below 100')!.ours!.value).toBeGreaterThan(0);
  expect(ttrOf(both.file, 'hyperfitted, counting')).toBe(1);
  expect(ttrOf(both.file, 'hyperfitted, greedy')).toBe(ttrOf(plain.file, 'hyperfitted, greedy'));

  const tests = findings!.tests.filter(({ quantity }) => quantity === `${LEAD}, ids`);
  expect(tests.map(({ second }) => second)).toContain('hyperfitted, counting');
  expect(tests[0]!.adjustedP).toBeGreaterThanOrEqual(tests[0]!.p);
  expect(
    findings!.tests.filter(({ quantity, second }) => quantity === 'type-token ratio' && second === 'hyperfitted, top-k 3'),
  ).toHaveLength(1);
  for (const file of ['table.md', 'index.html']) expect(readFileSync(join(out, file), 'utf8')).toContain(LEAD);
  expect(readFileSync(join(out, 'generations', 'own-counting-s1.jsonl'), 'utf8').split('\n')).toHaveLength(7);

  const again = await study({ metrics: [lead, half], writers: [byOptions, byHook, byFunction] });
  expect({ ran: again.ran, measured, written }).toEqual({ ran: [], measured: 0, written: 0 });
  expect(again.file.findings).toEqual(findings);
  const newer = await study({ metrics: [{ ...lead, version: 2 }], writers: [{ ...byFunction, version: 2 }] });
  expect(newer.ran.filter((cell) => !cell.startsWith('metric-mean-id-less-100-'))).toEqual([
    'text-own-counting-s0',
    'text-own-counting-s1',
  ]);
  expect(written).toBe(2);
});

test.each<[string, Pick<StudyOptions, 'metrics' | 'writers'>, string]>([
  ['a metric without a version', { metrics: [{ name: 'a', measure: () => 1 } as unknown as StudyMetric] }, 'expected a `version`'],
  ['a metric without a function', { metrics: [{ name: 'a', version: 1 } as unknown as StudyMetric] }, 'function for `measure`'],
  ['two of a name', { metrics: [lead, { ...lead }] }, 'different names'],
  ['a name without letters', { writers: [{ ...byFunction, name: '!' }] }, 'a letter or a digit'],
  ['a writer that does both', { writers: [{ ...byOptions, write: byFunction.write! }] }, 'got both'],
  ['a writer that does neither', { writers: [{ name: 'a', version: 1 }] }, 'got neither'],
  [
    "options that are the study's",
    { writers: [{ name: 'a', version: 1, options: { maxNewTokens: 3 } as object }] },
    'expected no maxNewTokens',
  ],
  ['options that there are not', { writers: [{ name: 'a', version: 1, options: { topQ: 3 } as object }] }, 'topQ'],
])('refuses %s', async (_, own, text) => {
  expect(await refusal((async () => study(own))())).toEqual({ code: 'ERR_CONFIG', message: expect.stringContaining(text) as string });
});

test.each<[string, Pick<StudyOptions, 'metrics' | 'writers'>, string]>([
  ['a metric that gives NaN', { metrics: [{ ...lead, version: 'nan', measure: () => NaN }] }, 'got NaN'],
  ['too few texts', { writers: [{ ...byFunction, version: 'few', write: async () => [] }] }, 'got 0'],
  [
    'texts that are too short',
    { writers: [{ ...byFunction, version: 'short', write: async (_model, { contexts }) => contexts.map(() => [1]) }] },
    'expected 8 ids for text 0 of counting, got 1',
  ],
])('refuses %s', async (_, own, text) => {
  expect(await refusal(study(own))).toEqual({ code: 'ERR_DATA', message: expect.stringContaining(text) as string });
});

test('what a metric throws reaches the caller', async () => {
  await expect(
    study({
      metrics: [
        {
          ...lead,
          version: 'throws',
          measure: () => {
            throw new Error('mine');
          },
        },
      ],
    }),
  ).rejects.toThrow('mine');
});

const others = STUDY_NAMES.filter((name) => name !== 'quality');
const taking = others.filter((name) => findStudy(name)!.written !== undefined);
/** Names of ways of writing by the study's own tables, and how many are tested by a metric. */
const EXPECTED: Readonly<Record<string, { texts: string[]; tests: number }>> = {
  diversity: { texts: ['original, greedy', 'hyperfitted, greedy', 'hyperfitted, citation blocker'], tests: 3 },
  order: { texts: ['as listed', 'as listed, again', 'one pair exchanged', 'shuffled, seed 3'], tests: 3 },
  domains: { texts: ['original', 'noise', 'more'], tests: 2 },
  quantity: { texts: ['original', '4 samples, fixed updates', '4 samples, fixed epochs', '8 samples, fixed updates'], tests: 1 },
  length: { texts: ['original, greedy', 'hyperfitted, greedy', 'hyperfitted, citation blocker'], tests: 3 },
  temperature: {
    texts: [
      'original, greedy',
      'original, sampled at temperature 1',
      'original, sampled at the matched temperature',
      'hyperfitted, greedy',
      'original + 1 x static bias, greedy',
    ],
    tests: 3,
  },
  sweep: { texts: ['original', 'learning rate 0.001', 'LoRA of rank 16, all layers'], tests: 1 },
  quantization: { texts: ['original, F32', 'hyperfitted, Q4_0', 'hyperfitted for Q4_K_M, Q8_0'], tests: 6 },
  rank: { texts: ['original', 'rank 2', 'hyperfitted', 'LoRA trained at rank 2'], tests: 4 },
};

async function other(name: string, own: Pick<StudyOptions, 'metrics' | 'writers'> = {}): Promise<{ file: StudyFile; ran: string[] }> {
  const ran: string[] = [];
  const domains = [{ name: 'noise', data, heldOut: null }, ...(name === 'domains' ? [{ name: 'more', data: more, heldOut: null }] : [])];
  const setting = normalizeSetting({
    model: TINY_MODEL,
    out: join(folder, name),
    seeds: [3],
    sizes: [4],
    ranks: [2],
    rates: [1e-3],
    contrastSequences: 1,
    keepModels: true,
    domains,
    layers: [{ name: 'test', values: { ...values, learningRate: 1e-3 } }],
    ...own,
  });
  const file = await runStudy(findStudy(name)!, setting, { onCell: ({ type, cell }) => void (type === 'started' && ran.push(cell)) });
  return { file, ran };
}

test('every study that compares texts is among those tried here', () => {
  expect([...taking].sort()).toEqual(Object.keys(EXPECTED).sort());
});

test.each(taking)('%s: metrics and ways of writing stand beside its own, and none of its cells is done again', async (name) => {
  const { file: plain } = await other(name);
  const beside = name === 'order' ? [byFunction] : [byFunction, byHook];
  const { file, ran } = await other(name, { metrics: [{ ...lead, measure: ({ ids }) => ids[0]! - 100 }], writers: beside });
  expect(ran.filter((cell) => !/^metric-|-own-/.test(cell))).toEqual([]);
  const { rows, tests, compared } = file.findings!;
  // What the study itself found is as it was.
  expect(rows.slice(0, plain.findings!.rows.length)).toEqual(plain.findings!.rows);
  const measuredRows = rows.filter(({ quantity }) => quantity.startsWith(`${LEAD}, ids`));
  const names = new Set(measuredRows.map(({ of }) => of));
  expect([...names]).toEqual(expect.arrayContaining(EXPECTED[name]!.texts));
  for (const { ours } of measuredRows) expect(ours).toMatchObject({ n: 6, signature: expect.stringMatching(/^own-metric:/) as string });
  // The function counts from 10 and the seed: its first id is 13, its text has no token twice.
  const counting = rows.filter(({ of }) => of.endsWith(', counting'));
  expect(counting.filter(({ quantity }) => quantity.startsWith(LEAD)).map(({ ours }) => ours!.value)).toEqual(
    expect.arrayContaining([-87]),
  );
  expect(new Set(counting.filter(({ quantity }) => quantity.startsWith('type-token ratio')).map(({ ours }) => ours!.value))).toEqual(
    new Set([1]),
  );
  if (name !== 'order')
    for (const { ours } of rows.filter(({ of, quantity }) => of.endsWith(', never below 100') && quantity.startsWith(LEAD)))
      expect(ours!.value).toBeGreaterThanOrEqual(0);
  const ownTests = tests.filter(({ quantity }) => quantity.startsWith(LEAD));
  const writersTested = ownTests.filter(({ first }) => /, (counting|never below 100)$/.test(first));
  expect(writersTested.length).toBeGreaterThan(0);
  expect(ownTests.length - writersTested.length).toBeGreaterThanOrEqual(EXPECTED[name]!.tests);
  expect(
    tests.filter(({ first, quantity }) => first.endsWith(', counting') && quantity.startsWith('type-token ratio')).length,
  ).toBeGreaterThan(0);
  expect(compared.some((quantity) => quantity.startsWith(LEAD))).toBe(true);
  expect(readFileSync(join(folder, name, 'table.csv'), 'utf8')).toContain(LEAD);
  expect((await other(name, { metrics: [{ ...lead, measure: () => 0 }], writers: beside })).ran).toEqual([]);
});

test.each(others.filter((name) => !taking.includes(name)))(
  '%s has no place for them, and says so before anything is written',
  async (name) => {
    const out = join(folder, `refused-${name}`);
    for (const own of [{ metrics: [lead] }, { writers: [byFunction] }])
      expect(await refusal(study(own, name, out))).toEqual({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(`got ${name}`) as string,
      });
    expect(existsSync(out)).toBe(false);
  },
);

test('a way of writing with weights that a study does not have is refused', async () => {
  expect(await refusal(other('order', { writers: [byHook] }))).toEqual({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('`weights` of never below 100, got original') as string,
  });
});
