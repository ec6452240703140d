import { addon } from '../../lib/addon.ts';
import type { NativeGenerateOptions } from '../../lib/addon-types.ts';
import type { Model } from '../../lib/model/model.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch, randomRows } from './batches.ts';
import { tinyModelPath } from './expected.ts';
import { readNumbers, withModel } from './models.ts';

interface Sampler {
  temperature: number;
  topK?: number;
  topP?: number;
  minP?: number;
}

const DRAWS = 4000;
const PROMPT = randomRows(77, 1, 6, 131)[0]!;
const SAMPLERS: Record<string, Sampler> = {
  'temperature 1': { temperature: 1 },
  'temperature 0.5': { temperature: 0.5 },
  'top-k 5': { temperature: 1, topK: 5 },
  'top-p 0.6': { temperature: 1, topP: 0.6 },
  'min-p 0.2': { temperature: 1, minP: 0.2 },
  'top-k 12, then top-p 0.7': { temperature: 1.2, topK: 12, topP: 0.7 },
  'all three': { temperature: 0.8, topK: 20, topP: 0.9, minP: 0.05 },
};

/** What may be drawn, by id: the filters one after the other in Hugging Face's order, each on what the last one left. */
function naiveDistribution(logits: Float64Array, { temperature, topK = 0, topP = 1, minP = 0 }: Sampler): Map<number, number> {
  let kept = [...logits].map((logit, id) => ({ id, weight: Math.exp(logit / temperature) })).sort((a, b) => b.weight - a.weight);
  if (topK > 0) kept = kept.slice(0, topK);
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  let before = 0;
  kept = kept.filter(({ weight }) => {
    const isKept = before < topP * total;
    before += weight;
    return isKept;
  });
  kept = kept.filter(({ weight }) => weight >= minP * kept[0]!.weight);
  const left = kept.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(kept.map(({ id, weight }) => [id, weight / left]));
}

const ROWS = 500;
const NATIVE_OPTIONS: Omit<NativeGenerateOptions, 'seeds'> = {
  maxNewTokens: 1,
  minNewTokens: 0,
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  noRepeatNgramSize: 0,
  noRepeatNgramCountsPrompt: true,
  stopIds: new Int32Array(),
  suppressIds: new Int32Array(),
  tokenStats: false,
};

/** Below `model.generate`, which gives equal contexts equal draws: here each row has its own seed, and seeds follow each other. */
async function drawCounts(model: Model, sampler: Sampler): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const prompts = Int32Array.from(Array.from({ length: ROWS }, () => PROMPT).flat());
  for (let first = 0; first < DRAWS; first += ROWS) {
    const seeds = Float64Array.from({ length: ROWS }, (_, row) => first + row);
    const generations = await addon().modelGenerate(
      model.handle,
      prompts,
      new Int32Array(ROWS).fill(PROMPT.length),
      { ...NATIVE_OPTIONS, ...sampler, seeds },
      new Int32Array(1 + ROWS),
      null,
      null,
    );
    for (const { ids } of generations) counts.set(ids[0]!, (counts.get(ids[0]!) ?? 0) + 1);
  }
  return counts;
}

describeOnEachDevice('Sampling against a naive version', (device) => {
  test.each(Object.keys(SAMPLERS))('%s: what is drawn, and how often', (name) =>
    withModel(tinyModelPath('llama-untied-mha'), device, async (model) => {
      const sampler = SAMPLERS[name]!;
      const { logits } = await model.forward(makeBatch([PROMPT]));
      const distribution = naiveDistribution(readNumbers(logits).subarray(-model.config.vocabSize), sampler);
      logits.dispose();
      const counts = await drawCounts(model, sampler);
      expect([...counts.keys()].filter((id) => !distribution.has(id))).toEqual([]);
      for (const [id, probability] of distribution) {
        const expected = DRAWS * probability;
        const fiveSigmas = 5 * Math.sqrt(expected * (1 - probability)) + 1;
        expect([id, Math.abs((counts.get(id) ?? 0) - expected) <= fiveSigmas]).toEqual([id, true]);
      }
    }),
  );

  test('one candidate left is greedy, whatever the temperature', () =>
    withModel(tinyModelPath('llama-untied-mha'), device, async (model) => {
      const [greedy] = await model.generate([PROMPT], { maxNewTokens: 12 });
      for (const filter of [{ topK: 1 }, { topP: 1e-6 }, { minP: 1 }]) {
        const [filtered] = await model.generate([PROMPT], { maxNewTokens: 12, temperature: 1.5, ...filter });
        expect([...filtered!.ids]).toEqual([...greedy!.ids]);
      }
    }));
});
