import { standIn } from '../devices.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { makeBatch, randomRows } from '../oracle/batches.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { loadMeta } from './meta.ts';
import { loadOperatorLog } from './operator-log.ts';

// Nobody else may load a model on `meta`.
jest.mock('../../lib/device.ts', () => ({ chooseDevice: (device: string) => device, requireDevice: () => undefined }));

const meta = loadMeta();
const log = loadOperatorLog();
const FAMILIES = [
  'llama-tied-gqa',
  'mistral-window',
  'qwen2-window-mha',
  'qwen3-window-mha',
  'smollm3-window-mha',
  'gemma2-untied-mha',
  'gemma3-tied-gqa',
  'gpt2-tied',
  'imagegpt-odd',
] as const;
const DTYPES = ['float32', 'bfloat16'] as const;
const CASES = FAMILIES.flatMap((name) => DTYPES.map((computeDtype) => [name, computeDtype] as const));
/** Beyond every window of the tiny models. */
const LENGTH = 20;

afterEach(() => meta.plant('', 'none'));

async function withMetaModel<T>(name: string, computeDtype: (typeof DTYPES)[number], use: (model: Model) => Promise<T>): Promise<T> {
  const model = await Model.load(tinyModelPath(name), { device: standIn('meta'), computeDtype });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

/** Runs `work` with so many reads permitted; gives how many of these it made, and how much it queued after the last of them. */
async function reads(permitted: number, work: () => Promise<unknown>): Promise<{ made: number; queuedAfter: number }> {
  meta.permit(permitted);
  log.start();
  try {
    await work();
    return { made: permitted - meta.permitted(), queuedAfter: log.stop().launchesSinceRead };
  } finally {
    log.stop();
    meta.permit(0);
  }
}

/** Ids that every tiny model knows. */
const VOCABULARY = 80;
const batchOf = (rows = 2) => makeBatch(randomRows(1, rows, LENGTH, VOCABULARY));
const step = (optimizer: Optimizer) => optimizer.step({ learningRate: 1e-3, gradScale: 0.1, maxGradNorm: 1 });

describe('The half of a step that queues work, on device meta', () => {
  test.each(CASES)(
    '%s in %s: one read, of the loss, when forward and backward are queued; one of the gradient norm',
    (name, computeDtype) =>
      withMetaModel(name, computeDtype, async (model) => {
        const optimizer = new Optimizer(model);
        for (let time = 0; time < 2; time++) {
          expect(await reads(9, () => model.forwardBackward(batchOf()))).toEqual({ made: 1, queuedAfter: 0 });
          expect(await reads(9, () => model.forwardBackward(batchOf(3)))).toEqual({ made: 1, queuedAfter: 0 }); // added to the first
          expect(await reads(9, () => step(optimizer))).toMatchObject({ made: 1 }); // the update comes after
          expect(
            await reads(9, () => optimizer.trainStep([batchOf(), batchOf(3)], { learningRate: 1e-3, gradScale: 0.1, maxGradNorm: 1 })),
          ).toMatchObject({ made: 1 });
        }
        optimizer.dispose();
      }),
  );

  test.each(['llama-tied-gqa', 'gpt2-tied'])('%s with LoRA: the same', (name) =>
    withMetaModel(name, 'bfloat16', async (model) => {
      const optimizer = new Optimizer(model, { lora: { rank: 2 } });
      expect(await reads(9, () => model.forwardBackward(batchOf()))).toEqual({ made: 1, queuedAfter: 0 });
      expect(await reads(9, () => step(optimizer))).toMatchObject({ made: 1 });
      optimizer.dispose();
    }),
  );

  test.each(CASES)(
    '%s in %s: a token is read once, when all of it is queued, with rows of one length and of several',
    (name, computeDtype) =>
      withMetaModel(name, computeDtype, async (model) => {
        for (const lengths of [
          [6, 6],
          [18, 3],
        ]) {
          const prompts = lengths.map((length) => randomRows(2, 1, length, VOCABULARY)[0]!);
          expect(await reads(99, () => model.generate(prompts, { maxNewTokens: 5, stopIds: [] }))).toEqual({ made: 5, queuedAfter: 0 });
        }
      }),
  );

  test('logits and hidden states leave without a read', () =>
    withMetaModel('gemma3-tied-gqa', 'bfloat16', async (model) => {
      const rows = randomRows(3, 2, LENGTH, VOCABULARY);
      const { made } = await reads(9, async () => {
        const { logits, hiddenStates } = await model.forward(makeBatch(rows), { hiddenStates: true });
        expect([logits.shape, hiddenStates.length]).toEqual([[2, LENGTH, 97], 4]);
        for (const tensor of [logits, ...hiddenStates]) tensor.dispose();
      });
      expect(made).toBe(0);
    }));
});

describe('What device meta catches', () => {
  test.each([
    ['item', /only queued, got aten::_local_scalar_dense/],
    ['cpu', /only queued, got a copy to the host/],
  ] as const)('a hidden .%s() in an operation of a step and of a token throws', (how, message) =>
    withMetaModel('llama-tied-gqa', 'float32', async (model) => {
      expect(await reads(1, () => model.forwardBackward(batchOf()))).toMatchObject({ made: 1 });
      meta.plant('aten::index_select.out', how);
      await expect(reads(0, () => model.forwardBackward(batchOf()))).rejects.toThrow(message);
      await expect(reads(1, () => model.forwardBackward(batchOf()))).rejects.toThrow(/only queued, got/); // the loss is then one too many
      await expect(reads(0, () => model.generate([[3, 4, 5]], { maxNewTokens: 1, stopIds: [] }))).rejects.toThrow(message);
    }),
  );

  test('a hidden .item() in the update throws', () =>
    withMetaModel('gpt2-tied', 'bfloat16', async (model) => {
      const optimizer = new Optimizer(model);
      await reads(1, () => model.forwardBackward(batchOf()));
      meta.plant('aten::_fused_adamw_.tensor_lr', 'item');
      await expect(reads(1, () => step(optimizer))).rejects.toThrow(/only queued, got aten::_local_scalar_dense/);
      optimizer.dispose();
    }));
});
