import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Model } from '../lib/model/model.ts';
import { partingOf, PROMISES, promisesOf } from './device-promises.ts';
import { makeBatch } from './oracle/batches.ts';
import { tinyModelPath } from './oracle/expected.ts';
import { readNumbers } from './oracle/models.ts';

// A margin that forgave everything would make every test on a card pass.

const PROMPT = [5, 9, 44, 17];
let model: Model;
let greedy: number[];
let ranked: number[];

beforeAll(async () => {
  model = await Model.load(tinyModelPath('llama-untied-mha'));
  greedy = [...(await model.generate([PROMPT], { maxNewTokens: 6, stopIds: [] }))[0]!.ids];
  const { logits } = await model.forward(makeBatch([[...PROMPT, ...greedy.slice(0, 2)]]));
  const scores = [...readNumbers(logits).slice(-model.config.vocabSize)];
  ranked = scores.map((_, id) => id).sort((a, b) => scores[b]! - scores[a]!);
  logits.dispose();
});
afterAll(() => model.dispose());

/** Another id at the third step. */
const instead = (id: number): number[] => [...greedy.slice(0, 2), id, 7, 7, 7];
const { idMargin } = promisesOf('cuda');

test('the same ids are the same', async () => {
  expect(ranked[0]).toBe(greedy[2]);
  expect(await partingOf(model, PROMPT, greedy, [...greedy], idMargin)).toEqual({ kind: 'same' });
});

test('an id that scores far from the best is no near tie, and says where', async () => {
  const parting = await partingOf(model, PROMPT, instead(ranked[40]!), greedy, idMargin);
  expect(parting).toMatchObject({ kind: 'apart', step: 2, ids: [ranked[40], greedy[2]] });
  expect(await partingOf(model, PROMPT, instead(ranked[1]!), greedy, idMargin)).toMatchObject({ kind: 'apart', step: 2 });
});

test('one within the margin is, whatever follows', async () => {
  const { gap } = (await partingOf(model, PROMPT, instead(ranked[1]!), greedy, idMargin)) as { gap: number };
  expect(await partingOf(model, PROMPT, instead(ranked[1]!), greedy, 1.01 * gap)).toMatchObject({ kind: 'within the margin' });
  expect(await partingOf(model, PROMPT, instead(ranked[1]!), greedy, 0.99 * gap)).toMatchObject({ kind: 'apart' });
});

test('a draw may fall on the border of two candidates, and on no other', async () => {
  expect(await partingOf(model, PROMPT, instead(ranked[1]!), greedy, idMargin, { temperature: 1 })).toMatchObject({
    kind: 'within the margin',
  });
  expect(await partingOf(model, PROMPT, instead(ranked[4]!), greedy, idMargin, { temperature: 1 })).toMatchObject({ kind: 'apart' });
});

test('a continuation that ends earlier is another one', async () => {
  expect(await partingOf(model, PROMPT, greedy.slice(0, 4), greedy, 1)).toMatchObject({ kind: 'apart', step: 4, gap: Infinity });
});

test('docs/gpu.md repeats the table', () => {
  const page = readFileSync(join(__dirname, '../docs/gpu.md'), 'utf8');
  const percent = (share: number): string => (share === 0 ? 'none' : `${Number((100 * share).toPrecision(2))} %`);
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const [cpu, cuda] = [PROMISES.cpu[dtype], PROMISES.cuda[dtype]];
    expect(page).toContain(
      `| ${dtype}: two scores that may change places between a text alone and in a batch | ${percent(cpu.idMargin)} | within ${percent(cuda.idMargin)} of the largest |`,
    );
    expect(page).toContain(
      `| ${dtype}: gradients of a batch whole and in parts, of their norm | ${percent(cpu.splitGradients)} | ${percent(cuda.splitGradients)} |`,
    );
    expect(page).toContain(
      `| ${dtype}: the summed loss of a batch whole and in parts | ${percent(cpu.splitLoss)} | ${percent(cuda.splitLoss)} |`,
    );
  }
});
