import { join } from 'node:path';
import { loadCheckpoint, saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { serveStudy } from '../../lib/compare/server.ts';
import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import { RunningBatch } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { servePlay } from '../../lib/play/server.ts';
import { Stage } from '../../lib/play/stage.ts';
import { serveModels } from '../../lib/serve/server.ts';
import { memoryStats, Tensor } from '../../lib/tensor/tensor.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { sampleStudy } from '../compare/samples.ts';
import { settledMemory } from '../live-tensors.ts';
import { freshFolder, refusal, TINY_MODEL } from '../train/tiny.ts';

// `using` and `await using` end what they hold, when the block is left by an error too.

const refused = (url: string): Promise<unknown> => expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
const isDisposed = async (model: Model): Promise<void> => expect((await refusal(model.generate([[1, 2]]))).code).toBe('ERR_DISPOSED');

describe('await using', () => {
  test('a server answers within the block; after it the address is free and the models are disposed', async () => {
    const model = await Model.load(TINY_MODEL);
    let url = '';
    const failure = (async () => {
      await using server = await serveModels(new Map([['tiny', model]]), { port: 0, graceMs: 10 });
      url = server.url;
      expect((await fetch(`${url}v1/models`)).status).toBe(200);
      throw new Error('on the way');
    })();
    await expect(failure).rejects.toThrow('on the way');
    await refused(`${url}v1/models`);
    await isDisposed(model);
  });

  test('a server that was closed by hand is not closed again', async () => {
    await using server = await serveModels(new Map([['tiny', await Model.load(TINY_MODEL)]]), { port: 0, graceMs: 10 });
    await Promise.all([server.close(), server.close()]);
    await refused(server.url);
  });

  test('the page of a study', async () => {
    let url = '';
    {
      await using server = await serveStudy(sampleStudy(2).study, { answers: join(freshFolder(), 'answers.jsonl') });
      url = server.url;
      expect((await fetch(url)).status).toBe(200);
    }
    await refused(url);
  });

  test('the page of a run; the models stay', async () => {
    using model = await Model.load(TINY_MODEL);
    const config = { matchLength: 5, memorisedLength: 8 } as never;
    using stage = await Stage.open(
      { name: 'run', original: TINY_MODEL, config, blocker: {} as never, train: [], openings: [] },
      model,
      model,
    );
    let url = '';
    {
      await using server = await servePlay(stage);
      url = server.url;
      expect((await fetch(url)).status).toBe(200);
    }
    await refused(url);
    expect(await model.generate([[1, 2]], { maxNewTokens: 2 })).toHaveLength(1);
  });

  test('a training ends where it stands, and its own optimizer goes', async () => {
    using model = await Model.load(TINY_MODEL);
    let steps = 0;
    {
      await using training = hyperfit(model, {
        data: [
          [1, 2, 3],
          [4, 5, 6],
        ],
        batchSize: 1,
        epochs: 5,
      });
      await training.next();
      steps = training.state!.step;
      await training[Symbol.asyncDispose]();
      expect((await training.next()).done).toBe(true);
    }
    expect(steps).toBe(1);
  });
});

describe('using', () => {
  test('a checkpoint: optimizer and model', async () => {
    const folder = freshFolder();
    using model = await Model.load(TINY_MODEL);
    using optimizer = new Optimizer(model);
    const run = hyperfit(model, { data: [[1, 2, 3]], optimizer, maxSteps: 1 });
    await run;
    await saveCheckpoint(folder, { model, optimizer, state: run.state! });
    const before = (await settledMemory()).liveModels;
    let loaded: Model;
    {
      using checkpoint = await loadCheckpoint(folder);
      loaded = checkpoint.model;
      expect(checkpoint.state.step).toBe(1);
      expect(memoryStats().liveModels).toBe(before + 1);
    }
    await isDisposed(loaded);
    expect(memoryStats().liveModels).toBe(before);
  });

  test('models, optimizers, blockers, batches and tensors', async () => {
    const { liveTensors, liveModels } = await settledMemory();
    let [blocker, tensor]: [CitationBlocker | undefined, Tensor | undefined] = [undefined, undefined];
    {
      using model = await Model.load(TINY_MODEL);
      using optimizer = new Optimizer(model);
      using batch = new RunningBatch(model, 2);
      using index = await CitationBlocker.create({ sequences: [[1, 2, 3]], vocabSize: 8 });
      using ones = Tensor.from([1, 1]);
      [blocker, tensor] = [index, ones];
      expect([optimizer.stepCount, batch.size]).toEqual([0, 0]);
    }
    expect(memoryStats()).toMatchObject({ liveTensors, liveModels });
    await expect(blocker.indexFor(8)).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
    expect(() => tensor!.add(1)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
  });
});
