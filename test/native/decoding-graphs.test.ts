import { addon } from '../../lib/addon.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import type { GenerateOptions } from '../../lib/generate/options.ts';
import { RunningBatch } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { makeBatch, randomRows } from '../oracle/batches.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import type { DriverSettings } from '../stand-ins/cuda-driver.ts';
import { DEVICE, driver, serveDriver, UNNUMBERED } from './graph-steps.ts';

// A token that is queued as a graph, from the embedding to the id that it chooses, gives what it gives operator by operator.

const serve = serveDriver();

const PROMPTS = [7, 1, 13].map((length, i) => randomRows(40 + i, 1, length, 80)[0]!);
const TOKENS = 40;
const LENGTH = { maxNewTokens: TOKENS, minNewTokens: TOKENS, stopIds: [] };
const DRAWN = { temperature: 0.9, seed: 11, topK: 30, topP: 0.95, minP: 0.01 };
const WAYS: GenerateOptions[] = [
  {},
  { repetitionPenalty: 1.3, noRepeatNgramSize: 2 },
  { ...DRAWN, noRepeatNgramSize: 3, suppressIds: [5], logitBias: new Map([[6, 1]]) },
  { tokenStats: true },
];

async function withGraphs<T>(
  graphs: boolean,
  name: string,
  computeDtype: ComputeDType,
  work: (model: Model) => Promise<T>,
  device = DEVICE,
): Promise<T> {
  addon().setGraphs(graphs);
  const model = await Model.load(tinyModelPath(name), { device, computeDtype });
  try {
    return await work(model);
  } finally {
    addon().setGraphs(true);
    model.dispose();
  }
}

/** What `work` gives operator by operator and as graphs, and how often graphs were recorded, queued and refused. */
async function both<T>(
  name: string,
  dtype: ComputeDType,
  work: (model: Model) => Promise<T>,
  settings: Partial<DriverSettings> = {},
  device = DEVICE,
) {
  const expected = await withGraphs(false, name, dtype, work, device);
  serve(settings);
  const before = addon().deviceGraphs();
  const given = await withGraphs(true, name, dtype, work, device);
  const after = addon().deviceGraphs();
  return {
    expected,
    given,
    recorded: after.recorded - before.recorded,
    replays: after.replays - before.replays,
    refusals: after.refusals - before.refusals,
  };
}

async function texts(model: Model, ways: readonly GenerateOptions[] = WAYS) {
  const found: unknown[] = [];
  for (const options of ways) {
    for (const { ids, finishReason, logProbs, entropies } of await model.generate(PROMPTS, { ...LENGTH, ...options }))
      found.push([[...ids], finishReason, [...(logProbs ?? [])], [...(entropies ?? [])]]);
  }
  return found;
}

describe('Tokens queued as graphs', () => {
  const FAMILIES = [
    'llama-tied-gqa',
    'mistral-window',
    'qwen3-window-mha',
    'gemma2-untied-mha',
    'gemma3-tied-gqa',
    'gpt2-tied',
    'imagegpt-odd',
  ];
  test.each(FAMILIES.flatMap((name) => (['float32', 'bfloat16'] as const).map((dtype) => [name, dtype] as const)))(
    '%s in %s: the bits of tokens queued operator by operator',
    async (name, dtype) => {
      const { expected, given, recorded, replays, refusals } = await both(name, dtype, texts);
      expect(given).toEqual(expected);
      // The first token comes of the prompts, the second runs, the third is recorded.
      expect({ recorded, replays, refusals }).toEqual({ recorded: WAYS.length, replays: WAYS.length * (TOKENS - 2), refusals: 0 });
      const { graphs } = driver.counts();
      expect(graphs.destroyed).toBe(graphs.made); // a generation leaves nothing behind
    },
  );

  test('a device that is named without its number records them too', async () => {
    const { expected, given, recorded, replays, refusals } = await both('llama-tied-gqa', 'bfloat16', texts, {}, UNNUMBERED);
    expect(given).toEqual(expected);
    expect({ recorded, replays, refusals }).toEqual({ recorded: WAYS.length, replays: WAYS.length * (TOKENS - 2), refusals: 0 });
  });

  test('told as they come, ended by ids, a graph for each reach of attention', async () => {
    const { expected, given, recorded, replays, refusals } = await both('llama-untied-mha', 'float32', async (model) => {
      const told: number[][] = [];
      const options = {
        maxNewTokens: Math.min(290, model.config.maxPositionEmbeddings - 13),
        noRepeatNgramSize: 6,
        temperature: 1,
        seed: 2,
        onToken: (row: number, id: number) => told.push([row, id]),
      };
      await model.generate(PROMPTS, { ...options, stopIds: [] });
      await model.generate(PROMPTS, { ...options, stopIds: [3, 9, 30] });
      return told;
    });
    expect(given).toEqual(expected);
    expect(recorded).toBeGreaterThan(1);
    expect([replays > 10 * recorded, refusals]).toEqual([true, 0]);
  });

  // Other texts, of about the same length, and other seeds: what tells generations apart lies in memory.
  const SAME: GenerateOptions[] = [
    {},
    { repetitionPenalty: 1.3, noRepeatNgramSize: 2, noRepeatNgramCountsPrompt: false },
    { ...DRAWN, noRepeatNgramSize: 3 },
  ];
  test.each(SAME)('%j: a second generation of as many rows launches from its first token', async (options) => {
    const { expected, given, recorded, replays, refusals } = await both('llama-tied-gqa', 'bfloat16', async (model) => {
      const found: unknown[] = [];
      for (const time of [0, 1, 2]) {
        const prompts = PROMPTS.map((prompt, row) =>
          prompt.map((id) => (id + 7 * time + row) % 80).slice(0, prompt.length - (time === 1 && prompt.length > 1 ? 1 : 0)),
        );
        for (const { ids, finishReason } of await model.generate(prompts, {
          ...LENGTH,
          ...options,
          seed: time,
          maxNewTokens: TOKENS + time,
        }))
          found.push([[...ids], finishReason]);
      }
      return found;
    });
    expect(given).toEqual(expected);
    // The first token comes of the prompts; the second of the first generation runs, its third is recorded.
    const tokens = [TOKENS, TOKENS + 1, TOKENS + 2].reduce((sum, count) => sum + count - 1, 0);
    expect({ recorded, replays, refusals }).toEqual({ recorded: 1, replays: tokens - 1, refusals: 0 });
  });

  test('training between two generations takes nothing from the second, and its weights count', async () => {
    const { expected, given, recorded } = await both('llama-tied-gqa', 'float32', async (model) => {
      const optimizer = new Optimizer(model, {});
      const found: unknown[] = [];
      const batch = makeBatch(randomRows(5, 2, 9, 80));
      for (let time = 0; time < 6; time++) {
        found.push((await optimizer.trainStep([batch], { learningRate: 1e-2, gradScale: 0.05 })).gradNorm);
        for (const { ids } of await model.generate(PROMPTS, LENGTH)) found.push([...ids]);
      }
      optimizer.dispose();
      return found;
    });
    expect(given).toEqual(expected);
    const before = addon().deviceGraphs();
    await withGraphs(true, 'llama-tied-gqa', 'float32', async (model) => {
      for (let time = 0; time < 2; time++) await model.generate(PROMPTS, LENGTH);
    });
    expect(addon().deviceGraphs().recorded - before.recorded).toBe(1);
    expect(recorded).toBeLessThanOrEqual(8); // a pass, its decision and update, and tokens, recorded anew once when memory has settled
  });

  test('a running batch that others have left and join again finds the graphs of as many rows', async () => {
    let between = addon().deviceGraphs();
    const { expected, given, replays, refusals } = await both('llama-tied-gqa', 'bfloat16', async (model) => {
      using batch = new RunningBatch(model, 4);
      const told: number[][] = [];
      for (const wave of [0, 1, 2]) {
        if (wave === 2) between = addon().deviceGraphs();
        for (const [index, promptIds] of PROMPTS.entries()) {
          const ids: number[] = [];
          told.push(ids);
          await batch.join({
            promptIds: Int32Array.from(promptIds),
            options: { maxNewTokens: 12 + 3 * index, stopIds: [], temperature: 0.8, seed: wave + index },
            onToken: ({ id }) => ids.push(id),
          });
          await batch.advance(3);
        }
        while (batch.size > 0) await batch.advance(3);
      }
      return told;
    });
    expect(given).toEqual(expected);
    expect([replays > 20, refusals]).toEqual([true, 0]);
    expect(addon().deviceGraphs().recorded).toBe(between.recorded); // the third wave records nothing
  });

  test('under a citation blocker', async () => {
    const { expected, given, replays, refusals } = await both('llama-tied-gqa', 'float32', async (model) => {
      const free = (await model.generate(PROMPTS, LENGTH)).map(({ promptIds, ids }) => [...promptIds, ...ids]);
      const citationBlocker = await CitationBlocker.create({
        sequences: free,
        vocabSize: model.config.vocabSize,
        matchLength: 2,
        waitForWordEnd: false,
        countPrompt: true,
      });
      const blocked = await model.generate(PROMPTS, { ...LENGTH, citationBlocker });
      citationBlocker.dispose();
      return blocked.map(({ ids, interventions }) => [[...ids], interventions]);
    });
    expect(given).toEqual(expected);
    expect([replays, refusals]).toEqual([2 * (TOKENS - 2), 0]);
    expect(given.every(([, interventions]) => (interventions as number) > 0)).toBe(true);
  });

  test('a running batch, between whose tokens the model does other things', async () => {
    const { expected, given, replays, refusals } = await both('gemma3-tied-gqa', 'bfloat16', async (model) => {
      using batch = new RunningBatch(model, 3);
      const told: number[][] = [[], [], []];
      const lossless: number[] = [];
      for (const [index, promptIds] of PROMPTS.entries()) {
        await batch.join({
          promptIds: Int32Array.from(promptIds),
          options: { maxNewTokens: 20 + index, stopIds: [], ...WAYS[index]! },
          onToken: ({ id }) => told[index]!.push(id),
        });
        await batch.advance(4);
        lossless.push((await model.forwardBackward(makeBatch(randomRows(index, 2, 9, 80)))).lossSum); // needs more memory than a token
      }
      while (batch.size > 0) await batch.advance(3);
      return { told, lossless };
    });
    expect(given).toEqual(expected);
    expect([replays > 20, refusals]).toEqual([true, 0]);
  });

  test.each([
    ['cuStreamBeginCapture', 900],
    ['cuStreamEndCapture', 901],
    ['cuGraphInstantiateWithFlags', 2],
    ['cuGraphLaunch', 719],
  ])('%s fails: the same operator by operator', async (call, code) => {
    const { expected, given, replays, refusals } = await both('llama-tied-gqa', 'float32', texts, { failures: { [call]: code } });
    expect(given).toEqual(expected);
    expect([replays, refusals > 0]).toEqual([0, true]);
  });
});
