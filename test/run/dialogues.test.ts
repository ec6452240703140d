import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { readComparisonFile } from '../../lib/run/comparison-file.ts';
import { readMetrics, type MetricRecord } from '../../lib/run/metric-log.ts';
import { run, type RunEvent } from '../../lib/run/run.ts';
import { runFolder } from '../../lib/run/run-folder.ts';
import { readReportData, writeRunReport } from '../../lib/run/run-report.ts';
import type { ValidationRecord } from '../../lib/run/validation.ts';
import { chatModel, dialogueLines } from '../train/dialogues.ts';
import { freshFolder } from '../train/tiny.ts';

const model = chatModel();

function settings(values: Record<string, unknown>): ReturnType<typeof normalizeConfig> {
  const folder = freshFolder();
  const data = join(folder, 'dialogues.jsonl');
  writeFileSync(data, dialogueLines(8));
  const base = {
    model,
    data,
    heldOut: data,
    out: join(folder, 'run'),
    learningRate: 1e-2,
    batchSize: 8,
    maxSteps: 120,
    epochs: null,
    maxNewTokens: 24,
    contextLength: 4,
    saveEverySteps: 0,
    evaluateEverySteps: 40,
  };
  return normalizeConfig([{ name: 'test', values: { ...base, ...values } }]);
}

const evaluationsOf = (path: string): ValidationRecord[] =>
  readMetrics(runFolder(path).metricsFile).filter((record): record is MetricRecord & ValidationRecord => record.type === 'evaluation');

describe('a run on dialogues', () => {
  const normalized = settings({});
  const folder = runFolder(normalized.config.out!);
  const events: RunEvent[] = [];
  let result: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => (result = await run(normalized, { onEvent: (event) => events.push(event) })));

  test('is judged by its answers, which end by themselves, on the way and at the end', () => {
    const evaluations = evaluationsOf(normalized.config.out!);
    expect(evaluations.map(({ step, answers, ttr }) => [step, answers!.count, ttr])).toEqual(
      [0, 40, 80, 120].map((step) => [step, 4, null]),
    );
    expect(evaluations[0]!.answers!.exactMatch).toMatchObject({ matches: 0, references: 4 });
    expect(evaluations.at(-1)!.answers).toMatchObject({
      exactMatch: { matches: 4, references: 4, share: 1 },
      endedShare: 1,
      tokenAccuracy: 1,
    });
    expect(evaluations.at(-1)!.answers!.loss).toBeCloseTo(evaluations.at(-1)!.heldOutLoss!, 10);
    expect(result.comparison.map(({ name, result: { answers } }) => [name, answers!.exactMatch!.matches])).toEqual([
      ['original, greedy', 0],
      ['hyperfitted, greedy', 8],
    ]);
    for (const {
      result: { generations },
    } of result.comparison.slice(1))
      expect(generations.every(({ ids }) => ids.length < 24)).toBe(true);
  });

  test('writes answers beside the right ones', () => {
    const [line] = readFileSync(join(folder.generations, 'step-000120.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, string>);
    expect(line).toMatchObject({ isExact: true, hasEnded: true });
    expect(line!['text']!.trim()).toBe(line!['originalText']!.trim());
    const { contexts } = readComparisonFile(folder);
    expect(contexts.every(({ isAnswer, contextText }) => isAnswer === true && contextText!.endsWith('assistant:'))).toBe(true);
  });

  test('keeps what is learnt in train.jsonl, and learns the same from it', async () => {
    const again = settings({ data: folder.trainFile, heldOut: folder.trainFile });
    const { loss } = await run(again);
    expect(loss).toBe(result.loss);
    expect(readFileSync(runFolder(again.config.out!).trainFile, 'utf8')).toBe(readFileSync(folder.trainFile, 'utf8'));
    const sha = (path: string): string =>
      (JSON.parse(readFileSync(runFolder(path).runFile, 'utf8')) as { data: { sha256: string } }).data.sha256;
    expect(sha(again.config.out!)).toBe(sha(normalized.config.out!));
  });

  test('keeps the weights that answer best', () => {
    const best = result.best.find(({ criterion }) => criterion === 'generation');
    expect(best).toMatchObject({ exactMatch: 1, ttr: null });
    const evaluations = evaluationsOf(normalized.config.out!).filter(({ step }) => step > 0);
    const right = evaluations.filter(({ answers }) => answers!.exactMatch!.share === 1);
    expect(best!.step).toBe(right.reduce((least, record) => (record.answers!.loss! < least.answers!.loss! ? record : least)).step);
  });

  test('is reported as answers: no arrows, no prose figures, what is not learnt in grey, no folders', async () => {
    const data = readReportData(folder);
    expect(data.curves).toMatchObject({ about: 'answers' });
    expect(data.curves.evaluations.at(-1)).toMatchObject({ exactMatch: 1 });
    const page = readFileSync(await writeRunReport(folder), 'utf8');
    expect(page).toContain('the right answer');
    expect(page).toContain('Exact match');
    const answers = page.split('<h2>Answers</h2>')[1]!.split('</section>')[0]!;
    expect(answers).toMatch(/equal to it[\s\S]*?<p class="text" dir="auto">red \{&quot;n&quot;:0\}<\/p>/);
    expect(answers).not.toContain('&lt;/s&gt;</p>');
    expect(page).toMatch(/<span class="unlearnt">[^<]*user: /);
    for (const unwanted of ['Type-token ratio', 'more varied', '↑', '↓', 'Top-P', normalized.config.out!, folder.path, model])
      expect(page).not.toContain(unwanted);
    expect(page).toMatch(/<main>[\s\S]*<\/main>/);
    expect([...page.matchAll(/<table>/g)].length).toBe([...page.matchAll(/<caption>/g)].length);
  });

  test('says how many steps there are', () => {
    expect(events.find(({ type }) => type === 'start')).toMatchObject({ totalSteps: 120 });
    expect(events.filter(({ type }) => type === 'step').every((event) => 'totalSteps' in event && event.totalSteps === 120)).toBe(true);
  });
});

test('texts and dialogues together are judged each as what they are', async () => {
  const folder = freshFolder();
  const data = join(folder, 'mixed.jsonl');
  const text = (index: number): string =>
    JSON.stringify({ text: `${index} bells rang over the harbour and the gulls went up, `.repeat(3) });
  writeFileSync(data, dialogueLines(4) + [0, 1, 2, 3].map((index) => `${text(index)}\n`).join(''));
  const { comparison } = await run(
    settings({ data, heldOut: data, sequenceLength: 24, maxSteps: 2, evaluateEverySteps: 2, maxNewTokens: 10, validationContexts: 8 }),
  );
  expect(comparison.map(({ decoding }) => decoding)).toEqual(['greedy', 'top-p', 'greedy', 'citation-blocker']);
  for (const { result } of comparison) {
    expect(result.answers).toMatchObject({ count: 4 });
    expect([result.ttrWindow, typeof result.ttr]).toEqual([10, 'number']);
  }
});

test('a file of contexts may hold questions alone, and dialogues with their answers', async () => {
  const folder = freshFolder();
  const contexts = join(folder, 'contexts.jsonl');
  writeFileSync(contexts, `${JSON.stringify({ messages: [{ role: 'user', content: 'colour 1?' }] })}\n${dialogueLines(1)}`);
  const normalized = settings({ contexts, heldOut: null, maxSteps: 1, evaluateEverySteps: 1, comparisonContexts: 2 });
  const { comparison } = await run(normalized);
  expect(comparison[0]!.result.answers).toMatchObject({ count: 2, exactMatch: { references: 1 } });
});

test('dialogues that are learnt as a whole are judged by their answers all the same', async () => {
  const normalized = settings({ trainOn: 'all', maxSteps: 2, evaluateEverySteps: 2 });
  const { comparison } = await run(normalized);
  expect(comparison.map(({ result: { answers, ttr } }) => [answers!.count, answers!.exactMatch!.references, ttr])).toEqual([
    [8, 8, null],
    [8, 8, null],
  ]);
  expect(readFileSync(runFolder(normalized.config.out!).trainFile, 'utf8')).not.toContain('labels');
});
