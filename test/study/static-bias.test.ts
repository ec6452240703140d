import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { presetLayer } from '../../lib/config/layers.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import type { JsonObject } from '../../lib/model/json.ts';
import { Model } from '../../lib/model/model.ts';
import { normalizeSetting } from '../../lib/study/setting.ts';
import { runStudy } from '../../lib/study/run-study.ts';
import { findStaticBias, measureStaticBias } from '../../lib/study/static-bias.ts';
import { findStudy } from '../../lib/study/studies.ts';
import { Tensor } from '../../lib/tensor/tensor.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

jest.setTimeout(300_000);

/** Float64, one position and one token at a time, on logits of a call of the test's own. */
class SlowBias {
  readonly #original: number[][] = [];
  readonly #hyperfitted: number[][] = [];

  async read(original: Model, hyperfitted: Model, sequences: readonly Int32Array[]): Promise<void> {
    for (const ids of sequences) {
      this.#original.push(...(await this.#rows(original, ids)));
      this.#hyperfitted.push(...(await this.#rows(hyperfitted, ids)));
    }
  }

  async #rows(model: Model, ids: Int32Array): Promise<number[][]> {
    const { logits } = await model.forward({ tokens: ids, batchSize: 1, sequenceLength: ids.length });
    const rows = (logits.toArray() as number[][][])[0]!.slice(0, -1);
    logits.dispose();
    return rows;
  }

  /** [id, shift less the mean shift], the greatest first. */
  bias(knownIds: number, count: number): [number, number][] {
    const shifts = Array.from({ length: knownIds }, (_, id) => {
      let sum = 0;
      for (const [position, row] of this.#original.entries()) sum += this.#hyperfitted[position]![id]! - row[id]!;
      return sum / this.#original.length;
    });
    let shared = 0;
    for (const shift of shifts) shared += shift / knownIds;
    const all = shifts.map((shift, id): [number, number] => [id, shift - shared]);
    return all
      .filter(([, shift]) => shift > 0)
      .sort((left, right) => right[1] - left[1])
      .slice(0, count);
  }

  choices(bias: readonly [number, number][], scale: number): { agreement: number; changed: number } {
    let [agreeing, changed] = [0, 0];
    for (const [position, row] of this.#original.entries()) {
      const biased = [...row];
      for (const [id, shift] of bias) biased[id]! += scale * shift;
      const chosen = firstOfMost(biased);
      if (chosen === firstOfMost(this.#hyperfitted[position]!)) agreeing += 1;
      if (chosen !== firstOfMost(row)) changed += 1;
    }
    return { agreement: agreeing / this.#original.length, changed: changed / this.#original.length };
  }
}

const firstOfMost = (row: readonly number[]): number => row.reduce((best, value, at) => (value > row[best]! ? at : best), 0);

describe('the static bias', () => {
  test('is that of a slow computation in float64, and so is what it does at every strength', async () => {
    const path = join(freshFolder(), 'other');
    await initializeModel(path, JSON.parse(readFileSync(join(TINY_MODEL, 'config.json'), 'utf8')) as JsonObject, { seed: 3 });
    const [original, hyperfitted] = [await Model.load(TINY_MODEL), await Model.load(path)];
    const sequences = randomSequences([12, 30, 7, 21]);
    const slow = new SlowBias();
    await slow.read(original, hyperfitted, sequences);
    const seen = new Set<string>();
    for (const [knownIds, count] of [
      [original.config.vocabSize, 500],
      [150, 20],
      [150, 3],
    ] as const) {
      const pair = { original, hyperfitted, sequences, knownIds };
      const bias = await findStaticBias(pair, count);
      const expected = slow.bias(knownIds, count);
      expect(bias.ids).toEqual(expected.map(([id]) => id));
      bias.values.forEach((value, at) => expect(value).toBeCloseTo(expected[at]![1], 5));
      const scales = [0, 0.01, 0.1, 0.5, 1, 3, 20];
      const measured = await measureStaticBias(pair, bias, scales);
      expect(measured).toEqual(scales.map((scale) => ({ scale, ...slow.choices(expected, scale) })));
      for (const { changed } of measured) seen.add(changed.toFixed(3));
    }
    // Strengths that all do the same would be no test.
    expect(seen.size).toBeGreaterThan(3);
    original.dispose();
    hyperfitted.dispose();
  });

  test('leaves out what all logits share and what pads the vocabulary', async () => {
    const modelOf = (rows: number[][]) => ({ forward: async () => ({ logits: Tensor.from([[...rows, rows[0]!]]), hiddenStates: [] }) });
    const original = modelOf([
      [1, 0, 0.5, -9],
      [0, 1, 0, -9],
    ]);
    // Token 2 rises by 2, padding by 5, and everything by 7 besides.
    const hyperfitted = modelOf([
      [8, 7, 9.5, 3],
      [7, 8, 9, 3],
    ]);
    const pair = { original, hyperfitted, sequences: [Int32Array.of(0, 1, 2)], knownIds: 3 };
    const bias = await findStaticBias(pair);
    expect(bias).toEqual({ ids: [2], values: [expect.closeTo(4 / 3, 6)] });
    expect(await measureStaticBias(pair, bias, [0.25, 0.5, 1])).toEqual([
      { scale: 0.25, agreement: 0, changed: 0 },
      { scale: 0.5, agreement: 0.5, changed: 0.5 },
      { scale: 1, agreement: 1, changed: 1 },
    ]);
  });
});

test('the study writes under the bias at every strength, published values beside ours', async () => {
  const folder = freshFolder();
  const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 16 }, () => 16)));
  const values = { samples: 8, batchSize: 4, epochs: 12, learningRate: 1e-2, comparisonContexts: 3, contextLength: 6, maxNewTokens: 10 };
  const setting = normalizeSetting({
    model: TINY_MODEL,
    out: join(folder, 'study'),
    domains: [{ name: 'noise', data, heldOut: null }],
    seeds: [0],
    layers: [{ name: 'options', values }, presetLayer('demo')],
  });
  const { findings } = await runStudy(findStudy('temperature')!, setting, {});
  const rowOf = (of: string, quantity: string) => findings!.rows.find((row) => row.of === of && row.quantity === quantity);
  expect(rowOf('original + 0.5 x static bias, greedy', 'type-token ratio')).toMatchObject({
    paper: { text: '.215 (arXiv 2605.22579)', mark: 'S' },
    ours: { n: 3, files: ['cells/text-biased-0.5-s0.json'] },
  });
  expect(rowOf('original + 0.01 x static bias, greedy', 'repeated bigrams')).toMatchObject({ paper: { text: '.609 (arXiv 2605.22579)' } });
  expect(rowOf('original + 0.1 x static bias, greedy', 'type-token ratio')).toMatchObject({ paper: null });
  const idsOf = (cell: string): number[][] =>
    (
      JSON.parse(readFileSync(join(folder, 'study', 'cells', `${cell}.json`), 'utf8')) as { result: { texts: { ids: number[] }[] } }
    ).result.texts.map(({ ids }) => ids);
  expect(idsOf('text-biased-1-s0')).not.toEqual(idsOf('text-original'));
});
