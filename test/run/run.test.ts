import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BestCheckpoint } from '../../lib/checkpoint/best-checkpoint.ts';
import { readVariants } from '../../lib/compare/generation-file.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { readComparisonFile } from '../../lib/run/comparison-file.ts';
import { readMemorisation } from '../../lib/run/memorisation-file.ts';
import { readMetrics } from '../../lib/run/metric-log.ts';
import { run, type RunEvent } from '../../lib/run/run.ts';
import { readReportData } from '../../lib/run/run-report.ts';
import { runFolder } from '../../lib/run/run-folder.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL, writeIds } from '../train/tiny.ts';

function settings(values: Record<string, unknown>): ReturnType<typeof normalizeConfig> {
  const folder = freshFolder();
  const data = writeIds(join(folder, 'all.jsonl'), randomSequences(Array.from({ length: 20 }, () => 20)));
  const base = {
    model: TINY_MODEL,
    data,
    out: join(folder, 'run'),
    learningRate: 1e-3,
    batchSize: 4,
    maxSteps: 4,
    contextLength: 8,
    maxNewTokens: 12,
  };
  return normalizeConfig([{ name: 'test', values: { ...base, ...values } }]);
}

async function eventsOf(normalized: ReturnType<typeof settings>, shouldStop?: () => boolean): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  await run(normalized, { onEvent: (event) => events.push(event), ...(shouldStop === undefined ? {} : { shouldStop }) });
  return events;
}

const named = (events: readonly RunEvent[]): string[] =>
  events.filter(({ type }) => type !== 'note' && type !== 'start').map((event) => `${event.type} ${'step' in event ? event.step : ''}`);

test('evaluates, then saves, after the steps that are due, and at the end', async () => {
  const events = await eventsOf(settings({ samples: 8, maxSteps: 5, evaluateEverySteps: 2, saveEverySteps: 4, keepBest: 'none' }));
  expect(named(events)).toEqual([
    'evaluation 0',
    'step 1',
    'step 2',
    'evaluation 2',
    'epoch 2',
    'step 3',
    'step 4',
    'evaluation 4',
    'checkpoint 4',
    'epoch 4',
    'step 5',
    'checkpoint 5',
    'evaluation 5',
  ]);
});

test('keeps the best by loss and by generation, the same when interrupted and resumed', async () => {
  const values = { samples: 8, maxSteps: 8, evaluateEverySteps: 2, saveEverySteps: 3 };
  const whole = await run(settings(values));
  const evaluations = readMetrics(runFolder(whole.folder).metricsFile).filter(({ type, step }) => type === 'evaluation' && step > 0);
  const highest = Math.max(...evaluations.map(({ ttr }) => ttr as number));
  const lowest = Math.min(...evaluations.map(({ trainLoss }) => trainLoss as number));
  expect(whole.best.map(({ criterion, ttr, trainLoss }) => (criterion === 'loss' ? trainLoss : ttr))).toEqual([highest, lowest]);

  const cut = settings(values);
  let steps = 0;
  await run(cut, { onEvent: ({ type }) => (steps += type === 'step' ? 1 : 0), shouldStop: () => steps === 5 });
  rmSync(join(runFolder(cut.config.out!).checkpoints, 'step-000005'), { recursive: true });
  const events: RunEvent[] = [];
  const resumed = await run({ ...cut, config: { ...cut.config, resume: true } }, { onEvent: (event) => events.push(event) });
  expect(events[0]).toMatchObject({ type: 'start', step: 3 });
  const withoutPath = (best: BestCheckpoint[]): object[] => best.map(({ path: _, ...figures }) => figures);
  expect(withoutPath(resumed.best)).toEqual(withoutPath(whole.best));
  expect(readdirSync(runFolder(resumed.folder).checkpoints).sort()).toEqual([
    'best-by-generation',
    'best-by-loss',
    'step-000006',
    'step-000008',
  ]);
});

test('stopping saves where it is and leaves the closing measurements out', async () => {
  let steps = 0;
  const normalized = settings({ samples: 8, maxSteps: 100, evaluateEverySteps: 0 });
  const result = await run(normalized, { onEvent: (event) => (steps += event.type === 'step' ? 1 : 0), shouldStop: () => steps === 3 });
  expect(result).toMatchObject({ reason: 'stopped', step: 3, certificate: null });
  expect(result.checkpoint).toContain('step-000003');
});

test('a resumed run keeps the figures of the original model and ends with all four', async () => {
  const normalized = settings({ samples: 8, evaluateEverySteps: 0 });
  let steps = 0;
  await run(normalized, { onEvent: (event) => (steps += event.type === 'step' ? 1 : 0), shouldStop: () => steps === 2 });
  const folder = runFolder(normalized.config.out!);
  const before = readComparisonFile(folder).variants;
  expect(before.map(({ isHyperfitted }) => isHyperfitted)).toEqual([false, false]);
  const result = await run({ ...normalized, config: { ...normalized.config, resume: true } });
  expect(result.comparison.map(({ decoding }) => decoding)).toEqual(['greedy', 'top-p', 'greedy', 'citation-blocker']);
  expect(result.comparison[0]!.result.ttr).toBe(before[0]!.result.ttr);
});

test('held-out sequences and contexts are what training leaves over', async () => {
  const normalized = settings({ samples: 8 });
  await run(normalized);
  const folder = runFolder(normalized.config.out!);
  const trained = new Set(readFileSync(folder.trainFile, 'utf8').trim().split('\n'));
  const { contexts } = readComparisonFile(folder);
  expect([trained.size, contexts.length]).toEqual([8, 12]);
  const whole = contexts.map(({ context, original }) => JSON.stringify({ ids: [...context, ...original] }));
  expect(whole.filter((line) => trained.has(line))).toEqual([]);
});

test('without samples nothing is left over: training alone, with its certificate', async () => {
  const result = await run(settings({ saveEverySteps: 0 }));
  expect(result.comparison).toEqual([]);
  expect(result.certificate).toMatchObject({ sequences: 20, tokens: 380, changedShare: expect.any(Number) as number });
  expect(result.certificate!.changedShare).toBeGreaterThan(0.9);
});

test('the citation blocker keeps continuations to the match and a word', async () => {
  const normalized = settings({
    samples: 4,
    maxSteps: 200,
    learningRate: 1e-2,
    evaluateEverySteps: 0,
    saveEverySteps: 0,
    matchLength: 1,
    epochs: 200,
  });
  const { comparison } = await run(normalized);
  const [greedy, blocked] = comparison.filter(({ isHyperfitted }) => isHyperfitted);
  expect(greedy!.result.overlap!.max).toBeGreaterThan(2);
  expect(blocked!.result.overlap!.mean!).toBeLessThan(greedy!.result.overlap!.mean!);
  const file = readMemorisation(runFolder(normalized.config.out!))!;
  expect(file.blocker!.total).toBeGreaterThan(0);
  expect(readReportData(runFolder(normalized.config.out!)).memorisation!.blocker).toMatchObject({
    total: file.blocker!.total,
    matchLength: 1,
  });
});

test('the report reads everything from the files of the run', async () => {
  const normalized = settings({ samples: 8, evaluateEverySteps: 2 });
  await run(normalized);
  const data = readReportData(runFolder(normalized.config.out!));
  expect(data.curves.steps.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  expect(data.curves.evaluations.map(({ step }) => step)).toEqual([0, 2, 4]);
  expect(data.curves.best!.map(({ criterion }) => criterion)).toEqual(['generation', 'loss']);
  expect(data.curves.humanTtr).toBeGreaterThan(0);
  expect(data.variants).toHaveLength(4);
  expect(data.certificate).toMatchObject({ sequences: 8 });
  for (const { continuations } of data.continuations) {
    for (const { ids, pieces } of continuations) expect(pieces).toHaveLength(ids.length);
  }
});

test('what is written on the way can be read and compared without the model', async () => {
  const normalized = settings({ samples: 8, evaluateEverySteps: 2, contextLength: 6, maxNewTokens: 5, validationContexts: 3 });
  await run(normalized);
  const folder = runFolder(normalized.config.out!);
  const path = join(folder.generations, 'step-000002.jsonl');
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toHaveLength(3);
  const { contexts } = readComparisonFile(folder);
  const { tokenizer } = await openModelFiles(TINY_MODEL);
  const { decode } = await Tokenizer.fromFiles(tokenizer!).then((made) => ({
    decode: (ids: readonly number[]) => made.decode(ids, { skipSpecialTokens: true }),
  }));
  for (const [index, line] of lines.entries()) {
    const { context, original, source } = contexts[index]!;
    expect(line).toEqual({
      context,
      continuation: expect.any(Array),
      text: expect.any(String),
      contextText: await decode(context),
      original: original.slice(0, 5),
      originalText: await decode(original.slice(0, 5)),
      source,
    });
  }
  const [variant] = await readVariants(`on the way=${path}`);
  expect(variant!.texts).toEqual(
    lines.map(({ contextText, text, originalText, source }) => ({
      context: contextText,
      continuation: text,
      original: originalText,
      source,
      isOriginalCut: false,
    })),
  );
});

test('warnings reach the caller and run.json', async () => {
  const warnings: string[] = [];
  const normalized = settings({ targetLoss: 1e-5, evaluateEverySteps: 0 });
  await run(normalized, { onWarning: (message) => warnings.push(message) });
  expect(warnings).toEqual([expect.stringContaining('targetLoss 0.00001')]);
  expect(JSON.parse(readFileSync(runFolder(normalized.config.out!).runFile, 'utf8'))).toMatchObject({ warnings });
});

test('a context that leaves no room for the continuation is refused before training', async () => {
  const { code, message } = await refusal(run(settings({ contextLength: 200, maxNewTokens: 100 })));
  expect([code, message]).toEqual(['ERR_CONFIG', expect.stringContaining('200 + 100')]);
});

test('resuming without a checkpoint begins at step 0 and says so', async () => {
  const warnings: string[] = [];
  const normalized = settings({ resume: true, evaluateEverySteps: 0 });
  const result = await run(normalized, { onWarning: (message) => warnings.push(message) });
  expect(result.step).toBe(4);
  expect(warnings).toEqual([expect.stringContaining('beginning at step 0')]);
});

test('a run whose updates are lost to rounding says so', async () => {
  const warnings: string[] = [];
  await run(settings({ learningRate: 1e-12, maxSteps: 1, evaluateEverySteps: 0 }), { onWarning: (message) => warnings.push(message) });
  expect(warnings).toEqual([expect.stringContaining('cannot move'), expect.stringMatching(/only [\d.]+ % of the weights changed/)]);
});

test('and says so at its first evaluation, on the page too', async () => {
  const at: [number, string][] = [];
  let step = 0;
  const normalized = settings({ learningRate: 1e-12, maxSteps: 3, evaluateEverySteps: 1, keepBest: 'none' });
  await run(normalized, {
    onEvent: (event) => (step = event.type === 'step' ? event.step : step),
    onWarning: (message) => at.push([step, message]),
  });
  const frozen = at.filter(([, message]) => message.includes('weights changed'));
  expect(frozen.map(([when, message]) => [when, / in (\d+) steps/.exec(message)![1]])).toEqual([
    [1, '1'],
    [3, '3'],
  ]);
  expect(readReportData(runFolder(normalized.config.out!)).notes).toEqual(at.map(([, message]) => message));
});

test('LoRA of the last layer trains that layer, resumes, and does not warn of weights that are meant to stay', async () => {
  const warnings: string[] = [];
  const values = { samples: 8, loraRank: 2, loraTargets: ['q_proj', 'down_proj'], loraLayers: 1, evaluateEverySteps: 2, saveEverySteps: 2 };
  const whole = await run(settings(values), { onWarning: (message) => warnings.push(message) });
  expect(warnings).toEqual([]);
  expect(whole.certificate!.changedShare).toBeGreaterThan(0);
  expect(whole.certificate!.changedShare).toBeLessThan(0.2);
  const cut = settings(values);
  let steps = 0;
  await run(cut, { onEvent: ({ type }) => (steps += type === 'step' ? 1 : 0), shouldStop: () => steps === 2 });
  const resumed = await run({ ...cut, config: { ...cut.config, resume: true } });
  expect(resumed.certificate).toEqual(whole.certificate);
  expect(readReportData(runFolder(resumed.folder)).facts.flatMap(({ rows }) => rows)).toContainEqual([
    'trained',
    'LoRA of rank 2, alpha 16, on q_proj, down_proj of the last 1 layers',
  ]);
});
