import type { DeviceName } from '../../lib/config/device-name.ts';
import { Model } from '../../lib/model/model.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch } from './batches.ts';
import { compareContinuation, largestDifference } from './differences.ts';
import { findGemma3, gemma3Expectation as expected } from './gemma3-file.ts';
import type { TopLogits } from './gemma3-file.ts';
import { readNumbers } from './models.ts';

const MINUTES = 60_000;
const file = findGemma3();

function declareModelTests(device: DeviceName): void {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(file!, { device, computeDtype: 'float32' });
  }, 5 * MINUTES);
  afterAll(() => model.dispose());

  async function expectTopLogits(prompt: number[], { ids, logits }: TopLogits): Promise<void> {
    const result = await model.forward(makeBatch([prompt]));
    const numbers = readNumbers(result.logits);
    result.logits.dispose();
    const last = numbers.subarray(numbers.length - numbers.length / prompt.length);
    expect(
      largestDifference(
        ids.map((id) => last[id]!),
        logits,
      ),
    ).toBeLessThan(5e-3);
  }

  test.each(expected.texts.map((text, i) => [text, i] as const))(
    'last-position logits after %j',
    async (_, i) => {
      await expectTopLogits(expected.prompts[i]!, expected.lastPositionLogits[i]!);
    },
    MINUTES,
  );

  test(
    'last-position logits beyond the window of the local layers',
    async () => {
      expect(expected.longPrompt.ids.length).toBeGreaterThan(520);
      await expectTopLogits(expected.longPrompt.ids, expected.longPrompt.top);
    },
    2 * MINUTES,
  );

  test(
    '8 prompts x 48 tokens, greedy',
    async () => {
      const generations = await model.generate(expected.texts, { maxNewTokens: 48, minNewTokens: 48 });
      expect(generations.map(({ promptIds }) => [...promptIds])).toEqual(expected.prompts);
      const comparisons = generations.map(({ ids }, i) => ({ prompt: i, ...compareContinuation(ids, expected.runs[i]!) }));
      for (const comparison of comparisons)
        if (comparison.kind === 'parted at a near tie') console.info('parted at a near tie', comparison);
      expect(comparisons.filter(({ kind }) => kind === 'different')).toEqual([]);
    },
    5 * MINUTES,
  );
}

if (file === undefined) {
  describe.skip('Gemma 3 270M against Hugging Face transformers (the GGUF is not in the cache; run `node scripts/setup.mjs gemma`)', () => {
    declareModelTests('cpu');
  });
} else {
  describeOnEachDevice('Gemma 3 270M against Hugging Face transformers', declareModelTests, { large: true });
}
