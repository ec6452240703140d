import { makeBatch } from '../../lib/data/batch.ts';
import { certify } from '../../lib/evaluate/certificate.ts';
import { TokenStatistics } from '../../lib/evaluate/token-statistics.ts';
import { StandInModel } from './stand-in-model.ts';

// Predicted after 1, 2 (targets 2, 4) and after 3 (target 4): losses 1/8, 2/8 and 3/8; two of three first choices are right.
const sequences = [Int32Array.of(1, 2, 4), Int32Array.of(3, 4)];

describe('TokenStatistics', () => {
  test('means over predicted tokens, padding and last tokens left out', async () => {
    const statistics = new TokenStatistics();
    const batch = makeBatch(sequences);
    statistics.add(batch, await new StandInModel().tokenStats(batch));
    expect(statistics.summarize()).toEqual({
      loss: 2 / 8,
      perplexity: Math.exp(2 / 8),
      entropy: 2 / 4,
      topKMass: { 1: 2 / 128, 3: 2 / 64, 5: 2 / 32 },
      top1Accuracy: 2 / 3,
      tokenCount: 3,
    });
    expect(statistics.sequences()).toEqual([
      { loss: 1.5 / 8, entropy: 1.5 / 4, top1Accuracy: 1 / 2, tokenCount: 2 },
      { loss: 3 / 8, entropy: 3 / 4, top1Accuracy: 1, tokenCount: 1 },
    ]);
  });

  test('keeps float64 sums', () => {
    const batch = makeBatch([new Int32Array(100001)]);
    const filled = (value: number): Float32Array => new Float32Array(batch.tokens.length).fill(value);
    const statistics = new TokenStatistics();
    statistics.add(batch, {
      loss: filled(0.1),
      entropy: filled(0),
      top1Mass: filled(0),
      top3Mass: filled(0),
      top5Mass: filled(0),
      top1Ids: batch.tokens,
    });
    expect(statistics.summarize()!.loss).toBeCloseTo(Math.fround(0.1), 11);
  });

  test('has no summary of nothing', () => {
    expect(new TokenStatistics().summarize()).toBeNull();
  });
});

describe('certify', () => {
  test('gives the mean and the worst sequence, whatever the batch size', async () => {
    const expected = { meanLoss: 2 / 8, lossFloor: 0, worstLoss: 3 / 8, top1Accuracy: 2 / 3, entropy: 2 / 4, sequences: 2, tokens: 3 };
    expect(await certify(new StandInModel(), sequences)).toEqual(expected);
    expect(await certify(new StandInModel(), sequences, { batchSize: 1 })).toEqual(expected);
  });

  test('refuses sequences without a token to predict', async () => {
    const refused = expect.objectContaining({ code: 'ERR_DATA' });
    await expect(certify(new StandInModel(), [])).rejects.toEqual(refused);
    await expect(certify(new StandInModel(), [Int32Array.of(1)])).rejects.toEqual(refused);
  });
});
