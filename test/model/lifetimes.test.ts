import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadCheckpoint, saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { makeBatch } from '../../lib/data/batch.ts';
import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import { RunningBatch } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { memoryStats, Tensor } from '../../lib/tensor/tensor.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { settledMemory } from '../live-tensors.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL } from '../train/tiny.ts';

const IDS = randomSequences([12, 12, 12]);
const BATCH = makeBatch(IDS);
const folder = freshFolder();

interface Subject {
  object: Disposable;
  /** Everything that can be asked of it, by name. */
  uses: Readonly<Record<string, () => unknown>>;
  /** Frees what was made for it. */
  after?: () => void;
}

let model: Model;
let before: ReturnType<typeof memoryStats>;
beforeAll(async () => {
  before = await settledMemory(); // of other files in this process
  model = await Model.load(TINY_MODEL);
  await model.forwardBackward(BATCH);
});
afterAll(() => {
  model.dispose();
  const { liveTensors, liveModels } = memoryStats();
  expect(liveModels).toBeLessThanOrEqual(before.liveModels);
  expect(liveTensors).toBeLessThanOrEqual(before.liveTensors);
});

async function optimizerOf(lora?: { rank: number }): Promise<Subject> {
  const optimizer = new Optimizer(model, lora === undefined ? {} : { lora });
  const path = join(folder, `optimizer-${String(lora?.rank)}.safetensors`);
  if (!existsSync(path)) await optimizer.save(path);
  const uses = {
    step: async () => {
      await model.forwardBackward(BATCH);
      return optimizer.step({ learningRate: 0 });
    },
    state: () => [...optimizer.state().values()].forEach((tensor) => tensor.dispose()),
    stepCount: () => optimizer.stepCount,
    stateBytes: () => optimizer.stateBytes,
    save: () => optimizer.save(join(freshFolder(), 'moments.safetensors')),
    load: () => optimizer.load(path, 1),
    ...(lora && { saveAdapter: () => optimizer.saveAdapter(join(freshFolder(), 'adapter')) }),
  };
  return { object: optimizer, uses };
}

/** Each makes one, and what it is made of belongs to nobody else. */
const SUBJECTS: Readonly<Record<string, () => Promise<Subject>>> = {
  async Model() {
    const own = await Model.load(TINY_MODEL);
    const uses = {
      generate: () => own.generate([[5, 6]], { maxNewTokens: 3 }),
      stream: () => own.stream([5, 6], { maxNewTokens: 3 })[Symbol.asyncIterator]().next(),
      forward: async () => (await own.forward(BATCH)).logits.dispose(),
      lastHiddenState: async () => (await own.lastHiddenState(BATCH)).dispose(),
      forwardBackward: () => own.forwardBackward(BATCH),
      tokenStats: () => own.tokenStats(BATCH),
      zeroGradients: () => own.zeroGradients(),
      parameters: () => [...own.parameters().values()].forEach((tensor) => tensor.dispose()),
      save: () => own.save(join(freshFolder(), 'saved')),
      setQuantization: () => own.setQuantization('Q8_0'),
      optimizer: () => new Optimizer(own).dispose(),
      batch: () => new RunningBatch(own, 2).dispose(),
      async checkpoint() {
        using optimizer = new Optimizer(own);
        await saveCheckpoint(join(freshFolder(), 'checkpoints'), { model: own, optimizer, state: STATE });
      },
      training: () => hyperfit(own, { data: IDS, maxSteps: 1, learningRate: 1e-5 }),
    };
    return { object: own, uses };
  },
  Optimizer: async () => optimizerOf(),
  'Optimizer with LoRA': async () => optimizerOf({ rank: 2 }),
  async RunningBatch() {
    const batch = new RunningBatch(model, 8);
    const join = () => batch.join({ promptIds: Int32Array.of(5, 6), options: { maxNewTokens: 100, stopIds: [] }, onToken: () => {} });
    return { object: batch, uses: { join, advance: () => batch.advance(2) } };
  },
  async CitationBlocker() {
    const blocker = await CitationBlocker.create({ sequences: IDS, vocabSize: model.config.vocabSize, matchLength: 2 });
    const batch = new RunningBatch(model, 4);
    const options = { maxNewTokens: 3, citationBlocker: blocker };
    const uses = {
      bannedAfter: () => blocker.bannedAfter(Int32Array.of(5, 6)),
      generate: () => model.generate([[5, 6]], options),
      join: () => batch.join({ promptIds: Int32Array.of(5, 6), options, onToken: () => {} }),
    };
    return { object: blocker, uses, after: () => batch.dispose() };
  },
  async Tensor() {
    const tensor = Tensor.from([1, 2, 3]);
    return {
      object: tensor,
      uses: { sum: () => scope(() => tensor.sum().item()), shape: () => tensor.shape, toArray: () => tensor.toArray() },
    };
  },
  async 'a loaded checkpoint'() {
    const checkpoints = join(folder, 'checkpoints');
    if (!existsSync(checkpoints)) {
      using optimizer = new Optimizer(model);
      await saveCheckpoint(checkpoints, { model, optimizer, state: STATE });
    }
    const saved = await loadCheckpoint(checkpoints);
    return {
      object: saved,
      uses: {
        generate: () => saved.model.generate([[5, 6]], { maxNewTokens: 3 }),
        state: () => [...saved.optimizer.state().values()].forEach((tensor) => tensor.dispose()),
      },
    };
  },
};
const STATE = {
  schemaVersion: 1,
  step: 1,
  epoch: 0,
  position: 1,
  epochLossSum: 0,
  epochTokenCount: 0,
  lastEpochLoss: null,
  order: 'fixed',
  seed: 0,
  sampleCount: 3,
  batchSize: 3,
  dataHash: '',
} as const;

/** Its code, or `done`. */
const ended = async (use: () => unknown): Promise<string> => {
  const { code, message } = await refusal((async () => use())());
  return code ?? (message === 'not refused' ? 'done' : message);
};

async function endsOf({ uses }: Subject): Promise<Record<string, string>> {
  const ends: Record<string, string> = {};
  for (const [name, use] of Object.entries(uses)) ends[name] = await ended(use);
  return ends;
}

const all = (subject: Subject, end: string): Record<string, string> =>
  Object.fromEntries(Object.keys(subject.uses).map((name) => [name, end]));

describe.each(Object.entries(SUBJECTS))('%s', (name, make) => {
  test('every use works before dispose, and is ERR_DISPOSED after it, which twice is once', async () => {
    const subject = await make();
    expect(await endsOf(subject)).toEqual(all(subject, 'done'));
    subject.object[Symbol.dispose]();
    subject.object[Symbol.dispose]();
    expect(await endsOf(subject)).toEqual(all(subject, 'ERR_DISPOSED'));
    subject.after?.();
  });

  test('`using` and `await using` dispose at the end of the block, on an error too', async () => {
    const subjects: Subject[] = [];
    const within = async (): Promise<void> => {
      const subject = await make();
      subjects.push(subject);
      using object = subject.object;
      throw new Error(typeof object);
    };
    const awaited = async (): Promise<void> => {
      const subject = await make();
      subjects.push(subject);
      await using object = subject.object;
      throw new Error(typeof object);
    };
    expect([await ended(within), await ended(awaited)]).toEqual(['object', 'object']);
    for (const subject of subjects) {
      expect(await endsOf(subject)).toEqual(all(subject, 'ERR_DISPOSED'));
      subject.after?.();
    }
  });

  test('dispose while everything is asked for: each is done or ERR_DISPOSED, and other work goes on', async () => {
    const [before] = await model.generate([[5, 6]], { maxNewTokens: 8 });
    for (const delay of [undefined, 0, 1, 3]) {
      const subject = await make();
      const asked = Object.values(subject.uses).map(ended);
      if (delay !== undefined) await new Promise((done) => setTimeout(done, delay));
      subject.object[Symbol.dispose]();
      const others = (await Promise.all(asked)).filter((end) => end !== 'done' && end !== 'ERR_DISPOSED');
      expect(others).toEqual([]);
      expect(await endsOf(subject)).toEqual(all(subject, 'ERR_DISPOSED'));
      subject.after?.();
    }
    expect((await model.generate([[5, 6]], { maxNewTokens: 8 }))[0]!.ids).toEqual(before!.ids);
  });
});

test.each([
  ['all weights', {}],
  ['LoRA', { lora: { rank: 2 } }],
])('an optimizer that is disposed while its step waits moves no weight, and the model goes on: %s', async (_, options) => {
  using own = await Model.load(TINY_MODEL);
  const optimizer = new Optimizer(own, options);
  await own.forwardBackward(BATCH);
  let begin = (): void => {};
  const isUnderWay = new Promise<void>((done) => {
    begin = done;
  });
  const slow = own.generate([[5, 6]], { maxNewTokens: 40, stopIds: [], logitsHook: () => begin() });
  await isUnderWay;
  const step = refusal(optimizer.step({ learningRate: 1 }));
  optimizer.dispose();
  expect(await step).toMatchObject({ code: 'ERR_DISPOSED', message: expect.stringContaining('the optimizer') });
  expect((await slow)[0]!.ids).toHaveLength(40);
  expect(await own.changedShare()).toBe(0);
});

test('a training whose optimizer is disposed on the way ends with ERR_DISPOSED', async () => {
  using own = await Model.load(TINY_MODEL);
  const optimizer = new Optimizer(own);
  const training = hyperfit(own, { data: IDS, optimizer, epochs: 1000, learningRate: 1e-5 });
  const watched = (async () => {
    for await (const event of training) if (event.type === 'step' && event.step === 3) optimizer.dispose();
  })();
  expect(await refusal(watched)).toMatchObject({ code: 'ERR_DISPOSED' });
});

test('`await using` a training ends it where it stands, and the model is free for other work', async () => {
  using own = await Model.load(TINY_MODEL);
  const { liveModels } = memoryStats();
  let steps = 0;
  {
    await using training = hyperfit(own, { data: IDS, epochs: 1000, learningRate: 1e-5 });
    for await (const event of training) if (event.type === 'step' && ++steps === 2) break;
  }
  expect(steps).toBe(2);
  expect(memoryStats().liveModels).toBeLessThanOrEqual(liveModels); // those of other files may be gone meanwhile
  expect(await own.generate([[5, 6]], { maxNewTokens: 3 })).toHaveLength(1);
});
