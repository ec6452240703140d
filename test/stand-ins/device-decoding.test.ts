import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import { standIn } from '../devices.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import { errorCodeOf } from '../../lib/errors.ts';
import { CitationBlocker, type CitationBlockerOptions } from '../../lib/generate/citation-blocker.ts';
import type { Generation } from '../../lib/generate/generation.ts';
import type { GenerateOptions } from '../../lib/generate/options.ts';
import { RunningBatch, type BatchEnd, type BatchToken } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { type Tensor, torch } from '../../lib/tensor/tensor.ts';
import { partingOf } from '../device-promises.ts';
import { makeRandom, randomRows } from '../oracle/batches.ts';
import { largestDifference } from '../oracle/differences.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { refusal, TINY_MODEL } from '../train/tiny.ts';
import { loadDriver, writeImages } from './cuda-driver.ts';
import { loadGuard } from './guard.ts';

// A device that queues its work chooses tokens itself (native/decode/device/), by operators; the CPU's rows choose for themselves, in C++.
// Two programs for one meaning, held against each other for every option; and a third, by kernels of ours, where those are served.

const guard = loadGuard();
const driver = loadDriver();
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-device-decoding-'));
const images = writeImages(join(folder, 'images'));
afterAll(() => rmSync(folder, { recursive: true }));
const DEVICE = standIn('guard:1'); // not the current device, which a forgotten device would choose
const MODELS = readdirSync(join(__dirname, '../fixtures/models'));
const VOCABULARY = 80;
/** Ragged: one token, shorter and longer than the windows of the models that have one. */
const PROMPTS = [7, 1, 13, 4].map((length, i) => randomRows(40 + i, 1, length, VOCABULARY)[0]!);
const NEW_TOKENS = 40; // more than a reading, and beyond the first reach of attention for the long ones below
const LENGTH = { maxNewTokens: NEW_TOKENS, minNewTokens: NEW_TOKENS };
const SEEDED = { seed: 11, temperature: 0.9 };

const WAYS: Record<string, GenerateOptions> = {
  greedy: {},
  'repetition penalty': { repetitionPenalty: 1.3 },
  'penalty below 1': { repetitionPenalty: 0.8 },
  'no id twice': { noRepeatNgramSize: 1 },
  'no id of the output twice': { noRepeatNgramSize: 1, noRepeatNgramCountsPrompt: false },
  'no bigram twice': { noRepeatNgramSize: 2 },
  'no trigram of the output twice': { noRepeatNgramSize: 3, noRepeatNgramCountsPrompt: false },
  'n-grams longer than any row': { noRepeatNgramSize: 500 },
  'bias and suppressed ids': {
    logitBias: new Map([
      [5, 0.5],
      [9, -0.25],
    ]),
    suppressIds: [3, 4, 17],
  },
  temperature: SEEDED,
  'a low temperature': { seed: 3, temperature: 0.05 },
  'top-k': { ...SEEDED, topK: 7 },
  'top-k of all': { ...SEEDED, topK: 500 },
  'top-p': { ...SEEDED, topP: 0.8 },
  'min-p': { ...SEEDED, minP: 0.1 },
  'all of them': {
    ...SEEDED,
    topK: 40,
    topP: 0.95,
    minP: 0.02,
    repetitionPenalty: 1.1,
    noRepeatNgramSize: 3,
    suppressIds: [5],
    logitBias: new Map([[6, 1]]),
  },
};

type Told = { ids: number[]; finishReason: string; interventions: number };
const told = ({ ids, finishReason, interventions }: Generation): Told => ({ ids: [...ids], finishReason, interventions });

async function onBoth<T>(name: string, device: DeviceName, work: (model: Model) => Promise<T>): Promise<{ here: T; onCpu: T }> {
  const run = async (place: DeviceName): Promise<T> => {
    const model = await Model.load(name.includes('/') ? name : tinyModelPath(name), { device: place });
    try {
      return await work(model);
    } finally {
      model.dispose();
    }
  };
  return { here: await run(device), onCpu: await run('cpu') };
}

/**
 * Rows of the device are those of the CPU. The two add up in other orders, so that draws may part where two candidates are as likely:
 * within this share of the largest score, and in no more than one row of so many.
 */
const TIE = 2e-6;
const ROWS_A_TIE = 40;

async function expectAlike(name: string, here: Told[], onCpu: Told[], options: (row: number) => GenerateOptions): Promise<void> {
  const parted = here.flatMap((row, index) => (JSON.stringify(row) === JSON.stringify(onCpu[index]) ? [] : [index]));
  if (parted.length * ROWS_A_TIE > here.length || parted.some((row) => !options(row).temperature)) expect(here).toEqual(onCpu);
  if (parted.length === 0) return;
  const model = await Model.load(tinyModelPath(name), { device: 'cpu' });
  for (const row of parted) {
    const { temperature, repetitionPenalty } = options(row);
    const choice = { ...(temperature !== undefined && { temperature }), ...(repetitionPenalty !== undefined && { repetitionPenalty }) };
    expect(await partingOf(model, PROMPTS[row % PROMPTS.length]!, here[row]!.ids, onCpu[row]!.ids, TIE, choice)).toMatchObject({
      kind: 'within the margin',
    });
  }
  model.dispose();
}

/** What a device was asked for by a third run of `work`. */
async function steady(work: () => Promise<unknown>) {
  for (let time = 0; time < 2; ++time) await work();
  guard.resetCounts();
  await work();
  return guard.counts();
}

const NUMBERS = 8;

describe.each(['a device', 'a card', 'a card with our kernels'])('Decoding on %s that queues its work', (kind) => {
  const byKernels = kind === 'a card with our kernels';
  beforeAll(() => {
    if (kind !== 'a device') guard.becomeCard();
    if (byKernels) driver.serve(images);
    addon().setGraphs(!byKernels); // decoding-graphs.test.ts has those: here operators and launches are counted
  });
  afterAll(() => {
    guard.beNoCard();
    driver.leave();
    addon().setGraphs(true);
  });
  afterEach(() => expect(addon().cudaKernels().failure).toBe(''));

  test.each(MODELS)('%s: ids of the CPU in every way', async (name) => {
    const { here, onCpu } = await onBoth(name, DEVICE, async (model) => {
      const found: Told[] = [];
      for (const options of Object.values(WAYS)) found.push(...(await model.generate(PROMPTS, { ...LENGTH, ...options })).map(told));
      return found;
    });
    await expectAlike(name, here, onCpu, (row) => Object.values(WAYS)[Math.floor(row / PROMPTS.length)]!);
    expect(new Set(here.flatMap(({ ids }) => ids)).size).toBeGreaterThan(VOCABULARY / 2);
  });

  test.each([1, 31, 32, 33, 65])(
    '%i tokens, with ids that end texts and without, told as they come or at the end',
    async (maxNewTokens) => {
      const { here, onCpu } = await onBoth('llama-tied-gqa', DEVICE, async (model) => {
        const found: Told[] = [];
        for (const options of [
          { stopIds: [] },
          { stopIds: [2, 20, 31, 44, 57, 60] },
          { stopIds: [20, 31], minNewTokens: Math.min(20, maxNewTokens) },
        ]) {
          for (const seed of [3, 4, 5, 6]) {
            const events: number[][] = [];
            const silent = await model.generate(PROMPTS, { maxNewTokens, temperature: 1, seed, ...options });
            const streaming = await model.generate(PROMPTS, {
              maxNewTokens,
              temperature: 1,
              seed,
              ...options,
              onToken: (row, id) => events.push([row, id]),
            });
            expect(streaming.map(told)).toEqual(silent.map(told));
            expect(PROMPTS.map((_, row) => events.flatMap(([of, id]) => (of === row ? [id] : [])))).toEqual(
              silent.map(({ ids }) => [...ids]),
            );
            found.push(...silent.map(told));
          }
        }
        return found;
      });
      await expectAlike('llama-tied-gqa', here, onCpu, () => ({ temperature: 1 }));
    },
  );

  test('beyond the first reach of attention, in a model with windows and in one without', async () => {
    for (const name of ['gemma3-tied-gqa', 'llama-untied-mha']) {
      const longest = [30, 5].map((length, i) => randomRows(7 + i, 1, length, VOCABULARY)[0]!);
      const { here, onCpu } = await onBoth(name, DEVICE, async (model) => {
        const maxNewTokens = Math.min(260, model.config.maxPositionEmbeddings - 30);
        return (await model.generate(longest, { maxNewTokens, stopIds: [], repetitionPenalty: 1.2, noRepeatNgramSize: 4 })).map(told);
      });
      expect(here).toEqual(onCpu);
    }
  });

  test('log-probabilities and entropies are those of the CPU, silent and told', async () => {
    const { here, onCpu } = await onBoth('mistral-window', DEVICE, async (model) => {
      const heard: number[] = [];
      const options = { ...LENGTH, ...SEEDED, noRepeatNgramSize: 2, tokenStats: true };
      const generations = await model.generate(PROMPTS, options);
      await model.generate(PROMPTS, { ...options, onToken: (row, _id, logProb) => row === 0 && heard.push(logProb) });
      expect(heard).toEqual([...generations[0]!.logProbs!]);
      return generations;
    });
    for (const [row, { ids, logProbs, entropies }] of here.entries()) {
      expect([...ids]).toEqual([...onCpu[row]!.ids]);
      expect([logProbs!.length, entropies!.length]).toEqual([NEW_TOKENS, NEW_TOKENS]);
      expect(largestDifference(logProbs!, onCpu[row]!.logProbs!)).toBeLessThan(1e-4);
      expect(largestDifference(entropies!, onCpu[row]!.entropies!)).toBeLessThan(1e-4);
    }
  });

  test('of scores that tie the lowest id comes first, also where top-k cuts and where a draw falls', async () => {
    const ways: GenerateOptions[] = [
      {},
      { noRepeatNgramSize: 1 },
      { temperature: 1, seed: 1 },
      { temperature: 1, seed: 2, topK: 3 },
      { temperature: 1, seed: 3, topP: 0.3 },
      { temperature: 1, seed: 4, minP: 1 },
    ];
    const { here, onCpu } = await onBoth('llama-untied-mha', DEVICE, async (model) => {
      const tensors = model.parameters();
      torch.call('aten::fill_', [tensors.get('lm_head.weight')!, 0]);
      for (const tensor of tensors.values()) tensor.dispose();
      const found: number[][][] = [];
      for (const options of ways)
        found.push((await model.generate(PROMPTS, { ...LENGTH, stopIds: [], ...options })).map(({ ids }) => [...ids]));
      return found;
    });
    expect(here).toEqual(onCpu);
    expect(here[0]![0]).toEqual(Array.from({ length: NEW_TOKENS }, () => 0));
    expect(new Set(here[4]!.flat()).size).toBeGreaterThan(10);
  });

  test('rows that nothing is left for end by themselves', async () => {
    const all = Array.from({ length: 200 }, (_, id) => id);
    const { here, onCpu } = await onBoth('llama-tied-gqa', DEVICE, async (model) => {
      const vocabulary = all.slice(0, model.config.vocabSize);
      const only = (kept: readonly number[]) => vocabulary.filter((id) => !kept.includes(id));
      const ways: GenerateOptions[] = [
        { suppressIds: vocabulary },
        { suppressIds: only([5, 6, 7]), noRepeatNgramSize: 1 },
        { suppressIds: only([5, 6, 7]), noRepeatNgramSize: 2, temperature: 1, seed: 4 },
      ];
      const found: Told[][] = [];
      for (const options of ways)
        found.push((await model.generate([...PROMPTS, [5, 6]], { maxNewTokens: 30, stopIds: [], ...options })).map(told));
      return found;
    });
    expect(here).toEqual(onCpu);
    expect(here.flat().filter(({ finishReason }) => finishReason === 'banned').length).toBeGreaterThan(10);
  });

  test('scores that are not finite are named with their token', async () => {
    const { here, onCpu } = await onBoth('llama-untied-mha', DEVICE, async (model) => {
      const tensors = model.parameters();
      torch.call('aten::fill_', [tensors.get('lm_head.weight')!, Number.NaN]);
      for (const tensor of tensors.values()) tensor.dispose();
      return refusal(model.generate(PROMPTS.slice(0, 1), LENGTH));
    });
    expect(here).toEqual(onCpu);
    expect(here).toEqual({ code: 'ERR_NOT_FINITE', message: expect.stringContaining(`after token ${PROMPTS[0]!.length}`) as string });
  });

  test('a stop string ends one row, and what was asked is never exceeded', async () => {
    const prompts = randomRows(3, 3, 5, 190);
    const { here, onCpu } = await onBoth(TINY_MODEL, DEVICE, async (model) => {
      const [free] = await model.generate([prompts[0]!], { maxNewTokens: 40, stopIds: [] });
      return (await model.generate(prompts, { maxNewTokens: 40, stopIds: [], stopStrings: free!.text!.slice(5, 8) })).map(
        ({ text, finishReason, ids }) => ({ text, finishReason, ids: ids.length }),
      );
    });
    expect(here).toEqual(onCpu);
    expect(here[0]!.finishReason).toBe('stop');
  });

  test('a hook on logits is asked on the host', async () => {
    const { here, onCpu } = await onBoth('llama-tied-gqa', DEVICE, async (model) => {
      const seen: number[] = [];
      const [generation] = await model.generate([PROMPTS[0]!], {
        ...LENGTH,
        logitsHook: (logits, { ids }) => {
          seen.push(ids.length);
          logits[9] = -Infinity;
        },
      });
      return { ids: [...generation!.ids], seen };
    });
    expect(here).toEqual(onCpu);
    expect(here.seen).toHaveLength(NEW_TOKENS);
    expect(here.ids).not.toContain(9);
  });

  describe('The citation blocker', () => {
    const RULES: Partial<CitationBlockerOptions>[] = [
      {},
      { countPrompt: true },
      { banned: 'first' },
      { sequenceEnd: 'ban-eos' },
      { matchLength: 1 },
      { matchLength: 4 },
      { waitForWordEnd: false },
      { matchUnit: 'word' },
      { matchUnit: 'word', matchLength: 1, waitForWordEnd: false },
      { matchUnit: 'word', countPrompt: true, sequenceEnd: 'ban-eos', banned: 'first' },
      { normalization: 'fold' },
      { normalization: 'fold', waitForWordEnd: false },
      { matchLength: 500 },
    ];
    test.each(RULES)('%j: ids and interventions of the CPU', async (rule) => {
      const prompts = [9, 1, 14].map((length, i) => randomRows(70 + i, 1, length, 190)[0]!);
      const { here, onCpu } = await onBoth(TINY_MODEL, DEVICE, async (model) => {
        // What the model writes anyway, and pieces of it in other orders: matches at nearly every step, and several continuations of many.
        const free = (await model.generate(prompts, { maxNewTokens: 40, stopIds: [] })).map(({ ids, promptIds }) => [...promptIds, ...ids]);
        const random = makeRandom(5);
        const pieces = Array.from({ length: 30 }, () =>
          Array.from({ length: 4 }, () =>
            free[Math.floor(random() * 3)]!.slice(...[Math.floor(random() * 30)].flatMap((at) => [at, at + 4])),
          ).flat(),
        );
        const ends = free.map((ids) => ids.slice(0, 20));
        const citationBlocker = await CitationBlocker.create({
          sequences: [...free, ...pieces, ...ends],
          tokenizer: model.requireTokenizer(),
          vocabSize: model.config.vocabSize,
          matchLength: 2,
          ...rule,
        });
        const found: Told[][] = [];
        for (const options of [{}, { noRepeatNgramSize: 2 }, { temperature: 1, seed: 6, topP: 0.9 }]) {
          found.push((await model.generate(prompts, { maxNewTokens: 40, citationBlocker, ...options })).map(told));
        }
        citationBlocker.dispose();
        return found;
      });
      expect(here).toEqual(onCpu);
      const interventions = here.flat().reduce((sum, row) => sum + row.interventions, 0);
      if (rule.matchLength === 500) expect(interventions).toBe(0);
      else expect(interventions).toBeGreaterThan(0);
    });
  });

  describe('A running batch', () => {
    /** Each sequence with options of its own, so that rows of one batch differ in all of them. */
    const SEQUENCES = [
      ...Object.values(WAYS),
      { ...SEEDED, topK: 3, tokenStats: true },
      { tokenStats: true, noRepeatNgramSize: 2 },
      { minNewTokens: 9, stopIds: [20, 31, 44] },
    ].map((options, index) => ({
      promptIds: Int32Array.from(randomRows(90 + index, 1, 1 + ((index * 5) % 14), VOCABULARY)[0]!),
      options: { maxNewTokens: 3 + ((index * 7) % 30), stopIds: [], ...options } as GenerateOptions,
      topLogProbs: index % 3,
    }));

    async function runAll(model: Model, blockers: readonly CitationBlocker[]) {
      using batch = new RunningBatch(model, 5);
      const results = SEQUENCES.map(() => ({
        ids: [] as number[],
        topIds: [] as number[],
        logProbs: [] as number[],
        topLogProbs: [] as number[],
        finishReason: '',
        interventions: -1,
      }));
      const seats = new Map<number, number>();
      const leave = (index: number, { finishReason, interventions, failure }: BatchEnd) => {
        expect(failure).toBeNull();
        Object.assign(results[index]!, { finishReason, interventions });
      };
      let next = 0;
      while (next < SEQUENCES.length || seats.size > 0) {
        for (let joined = 0; joined < 2 && next < SEQUENCES.length && !batch.isFull; joined++, next++) {
          const [index, { promptIds, options, topLogProbs }] = [next, SEQUENCES[next]!];
          const citationBlocker = blockers[index % 4];
          const onToken = ({ id, logProb, topIds, topLogProbs: top }: BatchToken) => {
            results[index]!.ids.push(id);
            if (options.tokenStats === true) results[index]!.logProbs.push(logProb);
            results[index]!.topIds.push(...topIds);
            results[index]!.topLogProbs.push(...top);
          };
          const { seat, end } = await batch.join({
            promptIds,
            options: { ...options, ...(citationBlocker && { citationBlocker }) },
            topLogProbs,
            onToken,
          });
          if (end === null) seats.set(seat, index);
          else leave(index, end);
        }
        for (const end of await batch.advance(3)) {
          leave(seats.get(end.seat)!, end);
          seats.delete(end.seat);
        }
      }
      return results;
    }

    test('rows whose options differ: ids, interventions and likeliest ids of the CPU', async () => {
      const { here, onCpu } = await onBoth('llama-tied-gqa', DEVICE, async (model) => {
        const { vocabSize } = model.config;
        const sequences = [...randomRows(1, 40, 30, VOCABULARY), ...SEQUENCES.map(({ promptIds }) => [...promptIds])];
        const rule = { sequences, vocabSize, waitForWordEnd: false };
        const blockers = [
          await CitationBlocker.create({ ...rule, matchLength: 1 }),
          await CitationBlocker.create({ ...rule, matchLength: 2, countPrompt: true }),
        ];
        const results = await runAll(model, blockers);
        for (const blocker of blockers) blocker.dispose();
        return results;
      });
      const exact = (results: typeof here) =>
        results.map(({ ids, topIds, finishReason, interventions }) => ({ ids, topIds, finishReason, interventions }));
      expect(exact(here)).toEqual(exact(onCpu));
      for (const name of ['logProbs', 'topLogProbs'] as const)
        expect(
          largestDifference(
            here.flatMap((row) => row[name]),
            onCpu.flatMap((row) => row[name]),
          ),
        ).toBeLessThan(1e-4);
      expect(here.flatMap(({ topIds }) => topIds).length).toBeGreaterThan(20);
      expect(here.reduce((sum, { interventions }) => sum + interventions, 0)).toBeGreaterThan(5);
    });

    test('a row whose scores are not finite leaves, and the others go on', async () => {
      const { here, onCpu } = await onBoth('llama-untied-mha', DEVICE, async (model) => {
        using batch = new RunningBatch(model, 3);
        const told: number[][] = [[], []];
        // The second meets the embedding of id 9 at once, the first never.
        const tensors = model.parameters();
        const row = torch.call('aten::select', [tensors.get('model.embed_tokens.weight')!, 0, 9]) as Tensor;
        for (const [index, bias] of [
          [0, 5],
          [1, 9],
        ] as const) {
          await batch.join({
            promptIds: Int32Array.of(1, 2),
            options: { maxNewTokens: 6, stopIds: [], suppressIds: index === 0 ? [9] : [], logitBias: new Map([[bias, 100]]) },
            onToken: ({ id }) => told[index]!.push(id),
          });
        }
        torch.call('aten::fill_', [row, Number.NaN]);
        for (const tensor of [row, ...tensors.values()]) tensor.dispose();
        const ends: unknown[] = [];
        while (batch.size > 0)
          ends.push(
            ...(await batch.advance(8)).map(({ seat, finishReason, failure }) => [
              seat,
              finishReason,
              errorCodeOf(failure),
              (failure as Error | null)?.message,
            ]),
          );
        return { told, ends };
      });
      expect(here).toEqual(onCpu);
      expect(here.ends).toEqual([
        [1, 'cancelled', 'ERR_NOT_FINITE', expect.stringContaining('after token 3')],
        [0, 'length', undefined, undefined],
      ]);
    });
  });

  describe('What crosses', () => {
    const BATCH = PROMPTS.length;
    const RULE: GenerateOptions = { repetitionPenalty: 1.2, noRepeatNgramSize: 3, suppressIds: [7], logitBias: new Map([[5, 1]]) };
    const READING = 32;
    const difference = async (model: Model, options: GenerateOptions, tokens: [number, number]) => {
      const asked = async (maxNewTokens: number) =>
        steady(() => model.generate(PROMPTS, { maxNewTokens, minNewTokens: maxNewTokens, ...options }));
      const [few, more] = [await asked(tokens[0]), await asked(tokens[1])];
      const copies = (way: 'hostToDevice' | 'deviceToHost') => ({
        copies: more[way].copies - few[way].copies,
        bytes: more[way].bytes - few[way].bytes,
      });
      return {
        up: copies('hostToDevice'),
        down: copies('deviceToHost'),
        scalarReads: more.scalarReads,
        synchronisations: more.synchronisations - few.synchronisations,
      };
    };
    const withDevice = async <T>(use: (model: Model) => Promise<T>): Promise<T> => {
      const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device: DEVICE });
      try {
        return await use(model);
      } finally {
        model.dispose();
      }
    };
    const IDS = { copies: 1, bytes: READING * BATCH * NUMBERS };
    const NOTHING = { copies: 0, bytes: 0 };

    test.each<[string, GenerateOptions, object]>([
      ['greedy: the ids of 32 tokens come in one copy, and nothing goes', {}, { up: NOTHING, down: IDS }],
      ['with penalty, bans and bias: the same', RULE, { up: NOTHING, down: IDS }],
      ['drawn: the numbers to draw by go in one copy', { ...RULE, ...SEEDED, topP: 0.9 }, { up: IDS, down: IDS }],
      [
        'with statistics: ids, log-probabilities and entropies',
        { tokenStats: true },
        { up: NOTHING, down: { copies: 3, bytes: READING * BATCH * (NUMBERS + 4 + 4) } },
      ],
    ])('%s', (_, options, expected) =>
      withDevice(async (model) => {
        expect(await difference(model, options, [READING, 2 * READING])).toEqual({ ...expected, scalarReads: 0, synchronisations: 1 });
      }),
    );

    // What an option adds to a greedy token, by operators and by kernels: operators and blocks of memory. Operators that look for the best
    // anew are among them.
    const NONE: [number, number] = [0, 0];
    test.each<[string, GenerateOptions, [number, number], [number, number]]>([
      ['repetition penalty', { repetitionPenalty: 1.2 }, [10, 9], NONE],
      ['a ban of n-grams', { noRepeatNgramSize: 4 }, [22, 16], NONE],
      ['suppressed ids', { suppressIds: [7] }, [2, 2], NONE],
      ['a draw', SEEDED, [28, 21], NONE],
      ['a draw by top-k, top-p and min-p', { ...SEEDED, topK: 20, topP: 0.9, minP: 0.01 }, [50, 35], NONE],
      ['statistics', { tokenStats: true }, [18, 12], [21, 15]],
    ])('%s costs a token so many operators and blocks', (_, options, byOperators, ofKernels) =>
      withDevice(async (model) => {
        const expected = byKernels ? ofKernels : byOperators;
        const ofAToken = async (more: GenerateOptions) => {
          const asked = async (maxNewTokens: number) => steady(() => model.generate(PROMPTS, { maxNewTokens, stopIds: [], ...more }));
          const [few, many] = [await asked(20), await asked(21)];
          return [many.operators - few.operators, many.allocations - few.allocations];
        };
        const [greedy, with_] = [await ofAToken({}), await ofAToken(options)];
        expect(with_.map((count, index) => count - greedy[index]!)).toEqual(expected);
      }),
    );

    test('told as they come: the ids of a token in a copy each', () =>
      withDevice(async (model) => {
        const onToken = () => undefined;
        expect(await difference(model, { onToken }, [8, 9])).toEqual({
          up: NOTHING,
          down: { copies: 1, bytes: BATCH * NUMBERS },
          scalarReads: 0,
          synchronisations: 1,
        });
      }));

    test('a running batch: ids come back, and random numbers go', () =>
      withDevice(async (model) => {
        using batch = new RunningBatch(model, 2);
        for (const temperature of [0, 0.9])
          await batch.join({
            promptIds: Int32Array.of(5, 6, 7),
            options: { maxNewTokens: 20, stopIds: [], temperature, repetitionPenalty: 1.1 },
            onToken: () => undefined,
          });
        await batch.advance(2);
        guard.resetCounts();
        await batch.advance(3);
        const each = { copies: 3, bytes: 3 * 2 * NUMBERS };
        expect(guard.counts()).toMatchObject({ hostToDevice: each, deviceToHost: each, scalarReads: 0, synchronisations: 3 });
      }));

    test('citations: the ids and one count a row', () =>
      withDevice(async (model) => {
        const citationBlocker = await CitationBlocker.create({
          sequences: PROMPTS,
          vocabSize: model.config.vocabSize,
          matchLength: 1,
          waitForWordEnd: false,
        });
        const asked = await difference(model, { citationBlocker }, [READING, 2 * READING]);
        citationBlocker.dispose();
        expect(asked).toEqual({
          up: NOTHING,
          down: { copies: 2, bytes: READING * BATCH * NUMBERS + BATCH * NUMBERS },
          scalarReads: 0,
          synchronisations: 1,
        });
      }));
  });
});
