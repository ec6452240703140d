import { Model } from '../../lib/model/model.ts';
import { refusal, TINY_MODEL } from '../train/tiny.ts';

describe('logitBias', () => {
  let model: Model;
  beforeAll(async () => (model = await Model.load(TINY_MODEL)));
  afterAll(() => model.dispose());

  /** The whole text through the model for each token, the bias added here. */
  async function slowGreedy(prompt: Int32Array, bias: ReadonlyMap<number, number>, count: number): Promise<number[]> {
    const ids = [...prompt];
    for (let step = 0; step < count; step += 1) {
      const { logits } = await model.forward({ tokens: Int32Array.from(ids), batchSize: 1, sequenceLength: ids.length });
      const scores = (logits.toArray() as number[][][])[0]!.at(-1)!;
      logits.dispose();
      for (const [id, value] of bias) scores[id]! += value;
      ids.push(scores.indexOf(Math.max(...scores)));
    }
    return ids.slice(prompt.length);
  }

  test('is added to the logits at every step', async () => {
    const prompts = [Int32Array.of(5, 60, 7), Int32Array.of(9, 100, 101, 30)];
    const options = { maxNewTokens: 12, minNewTokens: 12, stopIds: [] };
    const plain = await model.generate(prompts, options);
    const bias = new Map([
      [plain[0]!.ids[0]!, -2],
      [plain[1]!.ids[3]!, -0.5],
      [40, 1.5],
      [77, 0.25],
    ]);
    const biased = await model.generate(prompts, { ...options, logitBias: bias });
    for (const [row, { ids }] of biased.entries()) expect(Array.from(ids)).toEqual(await slowGreedy(prompts[row]!, bias, 12));
    expect(biased.map(({ ids }) => ids)).not.toEqual(plain.map(({ ids }) => ids));
  });

  test('a large one decides', async () => {
    const [text] = await model.generate([Int32Array.of(5, 60, 7)], { maxNewTokens: 3, minNewTokens: 3, logitBias: new Map([[40, 1000]]) });
    expect(Array.from(text!.ids)).toEqual([40, 40, 40]);
  });

  test('refuses what is no bias', async () => {
    for (const [id, value] of [
      [-1, 0],
      [0.5, 0],
      [3, Number.NaN],
      [3, -Infinity],
    ] as const) {
      expect(await refusal(model.generate([Int32Array.of(5)], { logitBias: new Map([[id, value]]) }))).toEqual({
        code: 'ERR_CONFIG',
        message: expect.stringContaining(`got ${id} with ${value}`),
      });
    }
  });
});
