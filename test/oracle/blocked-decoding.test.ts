import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import type { Model } from '../../lib/model/model.ts';
import { expectSameIds } from '../device-promises.ts';
import { describeOnEachDevice } from '../devices.ts';
import { naiveCitation, naiveNoRepeatNgram, type CitationRule } from '../native/blocker-references.ts';
import { makeBatch, randomRows } from './batches.ts';
import { tinyModelPath } from './expected.ts';
import { readNumbers, withModel } from './models.ts';

const NEW_TOKENS = 24;
const PROMPTS = [6, 2, 11].map((length, i) => randomRows(60 + i, 1, length, 131)[0]!);

/** Ids that may not come next, from the whole history and its generated part. */
type Ban = (history: readonly number[], generated: readonly number[]) => readonly number[];

/** Greedy over whole forward passes, one prompt; the bans are made by the array versions. Ends early when every token is banned. */
async function decodeNaively(model: Model, prompt: readonly number[], ban: Ban): Promise<number[]> {
  const generated: number[] = [];
  while (generated.length < NEW_TOKENS) {
    const history = [...prompt, ...generated];
    const { logits } = await model.forward(makeBatch([history]));
    const scores = readNumbers(logits).subarray(-model.config.vocabSize);
    logits.dispose();
    for (const id of ban(history, generated)) scores[id] = -Infinity;
    const best = scores.reduce((top, score, id) => (score > scores[top]! ? id : top), 0);
    if (scores[best] === -Infinity) break;
    generated.push(best);
  }
  return generated;
}

function makeRule(sequences: readonly number[][], vocabSize: number): CitationRule {
  const ids = Array.from({ length: vocabSize }, (_, id) => id);
  return {
    sequences,
    matchLength: 2,
    matchUnit: 'token',
    startsWord: ids.map(() => 1),
    canonicalIds: ids,
    eosTokenIds: [],
    waitForWordEnd: false,
    banned: 'all',
    sequenceEnd: 'ignore',
  };
}

describeOnEachDevice('Decoding under bans against whole forward passes and array blockers', (device) => {
  test.each([1, 2, 3, 4])('noRepeatNgramSize %i', (size) =>
    withModel(tinyModelPath('llama-untied-mha'), device, async (model) => {
      const generations = await model.generate(PROMPTS, { maxNewTokens: NEW_TOKENS, stopIds: [], noRepeatNgramSize: size });
      for (const [i, { ids }] of generations.entries())
        await expectSameIds(
          model,
          PROMPTS[i]!,
          ids,
          await decodeNaively(model, PROMPTS[i]!, (history) => naiveNoRepeatNgram(history, size)),
        );
    }),
  );

  test('noRepeatNgramSize over the output alone', () =>
    withModel(tinyModelPath('llama-untied-mha'), device, async (model) => {
      const generations = await model.generate(PROMPTS, {
        maxNewTokens: NEW_TOKENS,
        stopIds: [],
        noRepeatNgramSize: 1,
        noRepeatNgramCountsPrompt: false,
      });
      for (const [i, { ids }] of generations.entries())
        await expectSameIds(
          model,
          PROMPTS[i]!,
          ids,
          await decodeNaively(model, PROMPTS[i]!, (_, generated) => naiveNoRepeatNgram(generated, 1)),
        );
    }));

  test.each([false, true])('citationBlocker, the prompt counted: %s', (countPrompt) =>
    withModel(tinyModelPath('llama-untied-mha'), device, async (model) => {
      // What the model would write anyway is the training set, so that the blocker has work at nearly every step.
      const free = await model.generate(PROMPTS, { maxNewTokens: NEW_TOKENS, stopIds: [] });
      const sequences = free.map(({ ids }, i) => [...PROMPTS[i]!, ...ids]);
      const rule = makeRule(sequences, model.config.vocabSize);
      const citationBlocker = await CitationBlocker.create({
        sequences,
        vocabSize: model.config.vocabSize,
        matchLength: 2,
        waitForWordEnd: false,
        countPrompt,
      });
      const generations = await model.generate(PROMPTS, { maxNewTokens: NEW_TOKENS, stopIds: [], citationBlocker });
      citationBlocker.dispose();
      for (const [i, { ids, interventions }] of generations.entries()) {
        const expected = await decodeNaively(model, PROMPTS[i]!, (history, generated) =>
          naiveCitation(countPrompt ? history : generated, rule),
        );
        await expectSameIds(model, PROMPTS[i]!, ids, expected);
        expect(interventions).toBeGreaterThan(0);
      }
    }),
  );

  test('a row whose every token is banned ends, and says so', () =>
    withModel(tinyModelPath('llama-untied-mha'), device, async (model) => {
      const everything = Array.from({ length: model.config.vocabSize }, (_, id) => id);
      const [banned] = await model.generate([PROMPTS[0]!], { maxNewTokens: 5, suppressIds: everything });
      expect(banned).toMatchObject({ finishReason: 'banned' });
      expect([...banned!.ids]).toEqual([]);
    }));
});
