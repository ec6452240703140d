import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import type { ChoiceCellResult } from '../../lib/study/cell-results.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(600_000);

const folder = freshFolder();
const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 30 }, () => 24)));
const out = join(folder, 'downstream');

interface Item {
  question: string;
  choices: string[];
  answer: number;
}

const TASKS: Record<string, Item[]> = {
  sea: Array.from({ length: 18 }, (_, index) => ({
    question: `What is ${index}?`,
    choices: ['the sea', 'a whale', 'nothing at all'],
    answer: index % 3,
  })),
  land: Array.from({ length: 5 }, (_, index) => ({ question: `Is ${index} land?`, choices: ['yes', 'no'], answer: index % 2 })),
};

beforeAll(async () => {
  const tasks = Object.entries(TASKS).flatMap(([name, items]) => {
    writeFileSync(join(folder, `${name}.jsonl`), items.map((item) => `${JSON.stringify(item)}\n`).join(''));
    return ['--task', `${name}=${join(folder, `${name}.jsonl`)}`];
  });
  const training = [
    '--samples',
    '16',
    '--batch-size',
    '4',
    '--learning-rate',
    '1e-3',
    '--epochs',
    '3',
    '--seeds',
    '0,1',
    '--contexts',
    '4',
    '--context-length',
    '8',
  ];
  const { code, stderr } = await cli(
    'study',
    'downstream',
    '--model',
    TINY_MODEL,
    '--data',
    `noise=${data}`,
    ...training,
    ...tasks,
    '--out',
    out,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
});

const cellOf = (id: string): ChoiceCellResult['items'] =>
  (JSON.parse(readFileSync(join(out, 'cells', `${id}.json`), 'utf8')) as { result: ChoiceCellResult }).result.items;
const rowOf = (of: string, quantity: string) =>
  (JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyFile).findings!.rows.find(
    (row) => row.of === of && row.quantity === quantity,
  )!.ours!;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test('chooses by the log-likelihood that the logits give, summed and per token, and by what is written', async () => {
  const model = await Model.load(TINY_MODEL);
  const tokenizer = model.requireTokenizer();
  const logLikelihoods = async (question: string, choice: string): Promise<number[]> => {
    const [prompt, answer] = [await tokenizer.encode(question), await tokenizer.encode(` ${choice}`, { addSpecialTokens: false })];
    const tokens = Int32Array.of(...prompt, ...answer);
    const { logits } = await model.forward({ tokens, batchSize: 1, sequenceLength: tokens.length });
    const rows = logits.logSoftmax(-1).toTypedArray() as Float32Array;
    return Array.from(answer, (id, at) => rows[(prompt.length + at - 1) * model.config.vocabSize + id]!);
  };
  const bestBy = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores));
  const items = cellOf('sea-original');
  expect(items).toHaveLength(18);
  for (const [index, { question, choices }] of TASKS['sea']!.entries()) {
    const each = await Promise.all(choices.map((choice) => logLikelihoods(question, choice)));
    const [generation] = await model.generate([question], { maxNewTokens: 16 });
    expect(items[index]).toMatchObject({
      choices: 3,
      answer: index % 3,
      bySum: bestBy(each.map((values) => values.reduce((sum, value) => sum + value, 0))),
      byMean: bestBy(each.map(mean)),
      generated: generation!.text,
    });
  }
  model.dispose();
});

test('accuracy beside that of guessing, by task and over all items', () => {
  const right = (id: string): number[] => cellOf(id).map(({ bySum, answer }) => (bySum === answer ? 1 : 0));
  expect(rowOf('sea', 'accuracy of guessing').value).toBeCloseTo(1 / 3, 12);
  expect(rowOf('all tasks', 'accuracy of guessing').value).toBeCloseTo((18 / 3 + 5 / 2) / 23, 12);
  expect(rowOf('sea, original', 'accuracy by log-likelihood').value).toBeCloseTo(mean(right('sea-original')), 12);
  const all = rowOf('all tasks, hyperfitted', 'accuracy by log-likelihood');
  expect(all.seeds).toEqual([0, 1].map((seed) => mean([...right(`sea-hyperfitted-s${seed}`), ...right(`land-hyperfitted-s${seed}`)])));
  expect(all).toMatchObject({
    n: 23,
    unit: 'questions',
    files: [
      'cells/sea-hyperfitted-s0.json',
      'cells/land-hyperfitted-s0.json',
      'cells/sea-hyperfitted-s1.json',
      'cells/land-hyperfitted-s1.json',
    ],
  });
});
