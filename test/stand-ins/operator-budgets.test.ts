import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { torch } from '../../lib/tensor/torch.ts';
import { loadOperatorLog, type OperatorCounts } from './operator-log.ts';

type Work = 'step' | 'LoRA step' | 'token' | 'ragged token';
/** A layer, or beside the layers: operators, launches, views, allocations, scalar reads. Integers but where layers differ. */
type Figures = [number, number, number, number, number];
type Row = [model: string, work: Work, computeDtype: ComputeDType, by: 'operators' | 'kernels', layer: Figures, beside: Figures];
interface Cost {
  layer: OperatorCounts;
  beside: OperatorCounts;
  once: OperatorCounts[];
  twice: OperatorCounts[];
}

// The scripts are plain JavaScript: their types are said here.
type Count = (library: object, model: Model, options: object) => Promise<OperatorCounts[]>;
const { countSteps, countTokens, measure } = require('../../scripts/operators/measure.mjs') as {
  countSteps: Count;
  countTokens: Count;
  measure: (library: object, config: object, count: Count, options: object) => Promise<Cost>;
};
const { summarize } = require('../../scripts/operators/counts.mjs') as { summarize: (counts: OperatorCounts) => Record<string, number> };

/**
 * What a steady step or token may ask of libtorch; `npm run operators` shows it by name. A figure above its budget fails, and so does one
 * below: none may rise unseen, and what was gained is kept.
 */
const BUDGETS: Row[] = [
  ['llama-tied-gqa', 'step', 'float32', 'operators', [107, 122, 97, 35, 0], [60, 64, 49, 19, 3]],
  ['llama-tied-gqa', 'step', 'bfloat16', 'operators', [125, 164, 106, 80, 0], [66, 70, 52, 19, 3]],
  ['llama-tied-gqa', 'LoRA step', 'float32', 'operators', [128, 134, 139, 26, 0], [48, 49, 35, 15, 3]],
  ['llama-tied-gqa', 'LoRA step', 'bfloat16', 'operators', [146, 176, 148, 71, 0], [53, 54, 38, 15, 3]],
  ['llama-tied-gqa', 'token', 'float32', 'operators', [38, 40, 36, 10, 0], [12, 11, 13, 8, 0]],
  ['llama-tied-gqa', 'token', 'bfloat16', 'operators', [40, 54, 38, 32, 0], [14, 14, 18, 9, 0]],
  ['llama-tied-gqa', 'ragged token', 'float32', 'operators', [39, 41, 38, 10, 0], [16, 15, 16, 11, 0]],
  ['llama-tied-gqa', 'ragged token', 'bfloat16', 'operators', [41, 55, 40, 32, 0], [18, 18, 21, 12, 0]],
  ['gpt2-tied', 'step', 'float32', 'operators', [60, 84, 82, 38, 0], [54, 61, 50, 22, 3]],
  ['gpt2-tied', 'step', 'bfloat16', 'operators', [72, 100, 88, 44, 0], [60, 67, 53, 22, 3]],
  ['gpt2-tied', 'LoRA step', 'float32', 'operators', [68, 80, 118, 26, 0], [39, 41, 33, 16, 3]],
  ['gpt2-tied', 'token', 'float32', 'operators', [22, 28, 26, 8, 0], [7, 8, 11, 5, 0]],
  ['gpt2-tied', 'token', 'bfloat16', 'operators', [24, 30, 28, 10, 0], [9, 11, 16, 6, 0]],
  ['gpt2-tied', 'ragged token', 'float32', 'operators', [23, 29, 28, 8, 0], [11, 12, 14, 8, 0]],
  ['gpt2-tied', 'ragged token', 'bfloat16', 'operators', [25, 31, 30, 10, 0], [13, 15, 19, 9, 0]],
  ['gemma3-tied-gqa', 'step', 'float32', 'operators', [187, 214, 149, 91, 0], [65, 69, 57, 25, 3]],
  ['gemma3-tied-gqa', 'step', 'bfloat16', 'operators', [223, 274, 178, 134, 0], [71, 75, 60, 25, 3]],
  ['gemma3-tied-gqa', 'token', 'float32', 'operators', [68.667, 74.667, 50.667, 38, 0], [23, 22, 21, 20, 0]],
  ['gemma3-tied-gqa', 'token', 'bfloat16', 'operators', [78.667, 96.667, 60.667, 58, 0], [25, 25, 26, 21, 0]],
  ['gemma3-tied-gqa', 'ragged token', 'float32', 'operators', [69, 75, 52, 38, 0], [27, 26, 24, 23, 0]],
  ['gemma3-tied-gqa', 'ragged token', 'bfloat16', 'operators', [79, 97, 62, 58, 0], [29, 29, 29, 24, 0]],
  ['gemma2-untied-mha', 'step', 'float32', 'operators', [160, 181, 121, 77, 0], [66, 71, 53, 26, 3]],
  ['gemma2-untied-mha', 'step', 'bfloat16', 'operators', [184, 229, 138, 120, 0], [72, 77, 56, 26, 3]],
  ['gemma2-untied-mha', 'token', 'float32', 'operators', [57.667, 61.667, 42.667, 30, 0], [21, 20, 17, 18, 0]],
  ['gemma2-untied-mha', 'token', 'bfloat16', 'operators', [63.667, 79.667, 48.667, 50, 0], [23, 23, 22, 19, 0]],
  ['gemma2-untied-mha', 'ragged token', 'float32', 'operators', [58, 62, 44, 30, 0], [25, 24, 20, 21, 0]],
  ['gemma2-untied-mha', 'ragged token', 'bfloat16', 'operators', [64, 80, 50, 50, 0], [27, 27, 25, 22, 0]],
  ['llama-tied-gqa', 'step', 'float32', 'kernels', [4, 13, 19, 9, 0], [11, 12, 18, 8, 2]],
  ['llama-tied-gqa', 'step', 'bfloat16', 'kernels', [2, 11, 19, 9, 0], [11, 12, 18, 8, 2]],
  ['llama-tied-gqa', 'LoRA step', 'float32', 'kernels', [25, 25, 61, 0, 0], [10, 10, 17, 7, 2]],
  ['llama-tied-gqa', 'LoRA step', 'bfloat16', 'kernels', [23, 23, 61, 0, 0], [10, 10, 17, 7, 2]],
  ['llama-tied-gqa', 'token', 'float32', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['llama-tied-gqa', 'token', 'bfloat16', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['llama-tied-gqa', 'ragged token', 'float32', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['llama-tied-gqa', 'ragged token', 'bfloat16', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['gpt2-tied', 'step', 'float32', 'kernels', [16, 28, 26, 12, 0], [15, 18, 19, 10, 2]],
  ['gpt2-tied', 'step', 'bfloat16', 'kernels', [14, 30, 26, 16, 0], [15, 18, 19, 10, 2]],
  ['gpt2-tied', 'LoRA step', 'float32', 'kernels', [24, 24, 62, 0, 0], [11, 11, 15, 7, 2]],
  ['gpt2-tied', 'token', 'float32', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['gpt2-tied', 'token', 'bfloat16', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['gemma3-tied-gqa', 'step', 'float32', 'kernels', [10, 23, 41, 13, 0], [14, 15, 23, 11, 2]],
  ['gemma3-tied-gqa', 'step', 'bfloat16', 'kernels', [32, 47, 53, 21, 0], [14, 15, 23, 11, 2]],
  ['gemma3-tied-gqa', 'token', 'float32', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['gemma3-tied-gqa', 'token', 'bfloat16', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
];
const COLUMNS = ['operators', 'launches', 'views', 'allocations', 'scalarReads'] as const;
/** Averages over layers that differ have thirds. */
const SLACK = 0.4;

const log = loadOperatorLog();
const library = { Model, Optimizer, initializeModel, log, setKernels: (on: boolean) => addon().setKernels(on) };
const WORK: Record<Work, [Count, object]> = {
  step: [countSteps, {}],
  'LoRA step': [countSteps, { lora: { rank: 2 } }],
  token: [countTokens, {}],
  'ragged token': [countTokens, { ragged: true }],
};

function measureRow([model, work, computeDtype, by]: Row | [string, Work, ComputeDType, 'operators' | 'kernels']): Promise<Cost> {
  const config = JSON.parse(readFileSync(join(__dirname, '../fixtures/models', model, 'config.json'), 'utf8')) as object;
  const [count, options] = WORK[work];
  return measure(library, config, count, { ...options, computeDtype, kernels: by === 'kernels' });
}

const figures = (counts: OperatorCounts): Figures => Object.values({ ...summarize(counts), scalarReads: counts.scalarReads }) as Figures;

/** What is wrong with `got`, one line a figure. */
function complaints(place: string, got: Figures, budget: Figures, leaveOut: readonly string[] = []): string[] {
  return COLUMNS.flatMap((column, index) => {
    const [is, allowed] = [got[index]!, budget[index]!];
    if (leaveOut.includes(column) || Math.abs(is - allowed) < SLACK) return [];
    return is > allowed
      ? [`${column} ${place}: ${is}, the budget is ${allowed}`]
      : [`${column} ${place}: ${is}, lower the budget of ${allowed}`];
  });
}

/** In bfloat16 libtorch's products take memory of their own, how often depends on the processor. */
const dependsOnProcessor = (dtype: ComputeDType): string[] =>
  dtype === 'bfloat16' && !addon().libraryInfo().bfloat16Products ? ['allocations'] : [];

/** The kernels leave some products to libtorch's operators, which ones depends on the processor; the table is of this one. */
const kernelsAreAsInTable = addon().libraryInfo().bfloat16Kernels && !/intel/i.test(cpus()[0]?.model ?? '');
const rowsBy = (by: string): Row[] => BUDGETS.filter((row) => row[3] === by);

async function expectWithinBudget(row: Row): Promise<void> {
  const { layer, beside } = await measureRow(row);
  const leaveOut = dependsOnProcessor(row[2]);
  const wrong = [
    ...complaints('a layer', figures(layer), row[4], leaveOut),
    ...complaints('beside the layers', figures(beside), row[5], leaveOut),
  ];
  const measured = wrong.length > 0 ? [`the row as measured: [${figures(layer).join(', ')}], [${figures(beside).join(', ')}]`] : [];
  expect([...wrong, ...measured]).toEqual([]);
}

describe('Operators of libtorch', () => {
  test.each(rowsBy('operators'))('%s, %s, %s, by operators: within the budget', async (...row) => expectWithinBudget(row));

  const describeKernels = kernelsAreAsInTable ? describe : describe.skip;
  describeKernels(
    kernelsAreAsInTable ? 'by kernels' : 'by kernels (this processor leaves other products to libtorch than the table says)',
    () => {
      test.each(rowsBy('kernels'))('%s, %s, %s, by kernels: within the budget', async (...row) => expectWithinBudget(row));
    },
  );

  test.each(['step', 'ragged token'] as const)(
    'a steady %s calls the same operators each time, and reads nothing to the host in a layer',
    async (work) => {
      const { layer, once, twice } = await measureRow(['gemma3-tied-gqa', work, 'bfloat16', 'operators']);
      // Sizes, other than numbers, grow with the length of a text.
      const [first, ...others] = [once, twice].map((counts) => counts.map((each) => ({ ...each, allocatedBytes: 0 })));
      for (const counts of [first!, ...others]) expect(counts).toEqual([counts[0], counts[0], counts[0]]);
      expect([layer.scalarReads, layer.copies]).toEqual([0, {}]);
    },
  );
});

describe('What the budgets catch', () => {
  const row = ['llama-tied-gqa', 'step', 'float32', 'operators'] as const;
  const [, , , , layerBudget, besideBudget] = BUDGETS.find((budget) => row.every((part, index) => budget[index] === part))!;
  afterEach(() => log.plant('', 'none'));

  test.each([
    ['scalarRead', 'scalarReads'],
    ['allocation', 'allocations'],
  ] as const)('one %s planted in an operator that a layer calls twice: two %s above the budget', async (fault, column) => {
    log.plant('aten::silu.out', fault);
    const { layer, beside } = await measureRow([...row]);
    const budget = layerBudget[COLUMNS.indexOf(column)]!;
    expect(complaints('a layer', figures(layer), layerBudget)).toContain(`${column} a layer: ${budget + 2}, the budget is ${budget}`);
    expect(complaints('beside the layers', figures(beside), besideBudget)).toEqual([]);
  });

  test('a figure that fell asks for a lower budget', async () => {
    const { layer } = await measureRow([...row]);
    const generous = layerBudget.map((budget) => budget + 1) as Figures;
    expect(complaints('a layer', figures(layer), generous)).toEqual(
      COLUMNS.map((column, index) => `${column} a layer: ${layerBudget[index]}, lower the budget of ${generous[index]}`),
    );
  });
});

test('copies between devices are counted by where they go', () => {
  const x = torch.ones([3]);
  log.start();
  const made = torch.call('aten::_to_copy', [x], { device: 'meta' }) as Tensor;
  const { copies, operators } = log.stop();
  expect([copies, operators]).toEqual([{ 'cpu>meta': 1 }, { 'aten::_to_copy': 1 }]);
  for (const tensor of [x, made]) tensor.dispose();
});

test('nothing is counted after the end, and from 0 at the next start', () => {
  const x = torch.ones([4]);
  log.start();
  const fromMain = torch.call('aten::add', [x, x]) as Tensor;
  const { operators } = log.stop();
  const after = torch.call('aten::mul', [x, x]) as Tensor;
  log.start();
  expect(log.stop()).toMatchObject({
    operators: {},
    nested: {},
    views: {},
    launches: 0,
    scalarReads: 0,
    allocations: 0,
    allocatedBytes: 0,
  });
  expect(operators).toEqual({ 'aten::add.Tensor': 1 });
  for (const tensor of [x, fromMain, after]) tensor.dispose();
});
