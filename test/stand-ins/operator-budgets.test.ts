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
const { countSteps, countTokens, measure } = require('../../scripts/operators/measure.mjs') as { countSteps: Count; countTokens: Count; measure: (library: object, config: object, count: Count, options: object) => Promise<Cost> };
const { summarize } = require('../../scripts/operators/counts.mjs') as { summarize: (counts: OperatorCounts) => Record<string, number> };

/**
 * What a steady step or token may ask of libtorch; `npm run operators` shows it by name. A figure above its budget fails, and so does one below:
 * none may rise unseen, and what was gained is kept.
 */
const BUDGETS: Row[] = [
  ['llama-tied-gqa', 'step', 'float32', 'operators', [110, 127, 92, 47, 0], [61, 69, 27, 47, 3]],
  ['llama-tied-gqa', 'step', 'bfloat16', 'operators', [140, 172, 96, 128, 0], [68, 75, 28, 53, 3]],
  ['llama-tied-gqa', 'LoRA step', 'float32', 'operators', [131, 139, 134, 38, 0], [48, 53, 22, 33, 3]],
  ['llama-tied-gqa', 'LoRA step', 'bfloat16', 'operators', [161, 184, 138, 119, 0], [54, 58, 23, 38, 3]],
  ['llama-tied-gqa', 'token', 'float32', 'operators', [38, 41, 36, 11, 0], [12, 11, 13, 8, 0]],
  ['llama-tied-gqa', 'token', 'bfloat16', 'operators', [42, 55, 38, 40, 0], [14, 14, 18, 11, 0]],
  ['llama-tied-gqa', 'ragged token', 'float32', 'operators', [39, 42, 37, 11, 0], [16, 15, 16, 11, 0]],
  ['llama-tied-gqa', 'ragged token', 'bfloat16', 'operators', [43, 56, 39, 40, 0], [18, 18, 21, 14, 0]],
  ['gpt2-tied', 'step', 'float32', 'operators', [64, 91, 82, 45, 0], [54, 65, 29, 47, 3]],
  ['gpt2-tied', 'step', 'bfloat16', 'operators', [82, 107, 86, 69, 0], [61, 71, 30, 53, 3]],
  ['gpt2-tied', 'LoRA step', 'float32', 'operators', [68, 83, 118, 29, 0], [38, 44, 22, 30, 3]],
  ['gpt2-tied', 'token', 'float32', 'operators', [22, 29, 26, 9, 0], [7, 8, 10, 6, 0]],
  ['gpt2-tied', 'token', 'bfloat16', 'operators', [26, 31, 28, 16, 0], [9, 11, 15, 9, 0]],
  ['gpt2-tied', 'ragged token', 'float32', 'operators', [23, 30, 27, 9, 0], [11, 12, 13, 9, 0]],
  ['gpt2-tied', 'ragged token', 'bfloat16', 'operators', [27, 32, 29, 16, 0], [13, 15, 18, 12, 0]],
  ['gemma3-tied-gqa', 'step', 'float32', 'operators', [194, 223, 122, 133, 0], [66, 74, 32, 56, 3]],
  ['gemma3-tied-gqa', 'step', 'bfloat16', 'operators', [238, 286, 142, 232, 0], [73, 80, 33, 62, 3]],
  ['gemma3-tied-gqa', 'token', 'float32', 'operators', [68.667, 75.667, 44.667, 45, 0], [23, 22, 20, 21, 0]],
  ['gemma3-tied-gqa', 'token', 'bfloat16', 'operators', [80.667, 97.667, 50.667, 75, 0], [25, 25, 25, 24, 0]],
  ['gemma3-tied-gqa', 'ragged token', 'float32', 'operators', [69, 76, 45, 45, 0], [27, 26, 23, 24, 0]],
  ['gemma3-tied-gqa', 'ragged token', 'bfloat16', 'operators', [81, 98, 51, 75, 0], [29, 29, 28, 27, 0]],
  ['gemma2-untied-mha', 'step', 'float32', 'operators', [165, 192, 102, 111, 0], [67, 76, 28, 57, 3]],
  ['gemma2-untied-mha', 'step', 'bfloat16', 'operators', [201, 243, 114, 198, 0], [74, 82, 29, 63, 3]],
  ['gemma2-untied-mha', 'token', 'float32', 'operators', [57.667, 64.667, 38.667, 37, 0], [21, 20, 16, 19, 0]],
  ['gemma2-untied-mha', 'token', 'bfloat16', 'operators', [65.667, 82.667, 42.667, 63, 0], [23, 23, 21, 22, 0]],
  ['gemma2-untied-mha', 'ragged token', 'float32', 'operators', [58, 65, 39, 37, 0], [25, 24, 19, 22, 0]],
  ['gemma2-untied-mha', 'ragged token', 'bfloat16', 'operators', [66, 83, 43, 63, 0], [27, 27, 24, 25, 0]],
  ['llama-tied-gqa', 'step', 'float32', 'kernels', [4, 13, 19, 9, 0], [12, 12, 13, 10, 2]],
  ['llama-tied-gqa', 'step', 'bfloat16', 'kernels', [2, 11, 19, 9, 0], [12, 12, 13, 10, 2]],
  ['llama-tied-gqa', 'LoRA step', 'float32', 'kernels', [25, 25, 61, 0, 0], [11, 10, 12, 9, 2]],
  ['llama-tied-gqa', 'LoRA step', 'bfloat16', 'kernels', [23, 23, 61, 0, 0], [11, 10, 12, 9, 2]],
  ['llama-tied-gqa', 'token', 'float32', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['llama-tied-gqa', 'token', 'bfloat16', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['llama-tied-gqa', 'ragged token', 'float32', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['llama-tied-gqa', 'ragged token', 'bfloat16', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['gpt2-tied', 'step', 'float32', 'kernels', [20, 32, 26, 16, 0], [16, 18, 13, 13, 2]],
  ['gpt2-tied', 'step', 'bfloat16', 'kernels', [18, 34, 26, 20, 0], [16, 18, 13, 13, 2]],
  ['gpt2-tied', 'LoRA step', 'float32', 'kernels', [24, 24, 62, 0, 0], [12, 11, 10, 9, 2]],
  ['gpt2-tied', 'token', 'float32', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['gpt2-tied', 'token', 'bfloat16', 'kernels', [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
  ['gemma3-tied-gqa', 'step', 'float32', 'kernels', [10, 23, 41, 13, 0], [15, 15, 18, 13, 2]],
  ['gemma3-tied-gqa', 'step', 'bfloat16', 'kernels', [34, 49, 49, 35, 0], [15, 15, 18, 13, 2]],
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
    return is > allowed ? [`${column} ${place}: ${is}, the budget is ${allowed}`] : [`${column} ${place}: ${is}, lower the budget of ${allowed}`];
  });
}

/** In bfloat16 libtorch's products take memory of their own, how often depends on the processor. */
const dependsOnProcessor = (dtype: ComputeDType): string[] => (dtype === 'bfloat16' && !addon().libraryInfo().bfloat16Products ? ['allocations'] : []);

/** The kernels leave some products to libtorch's operators, which ones depends on the processor; the table is of this one. */
const kernelsAreAsInTable = addon().libraryInfo().bfloat16Kernels && !/intel/i.test(cpus()[0]?.model ?? '');
const rowsBy = (by: string): Row[] => BUDGETS.filter((row) => row[3] === by);

async function expectWithinBudget(row: Row): Promise<void> {
  const { layer, beside } = await measureRow(row);
  const leaveOut = dependsOnProcessor(row[2]);
  const wrong = [...complaints('a layer', figures(layer), row[4], leaveOut), ...complaints('beside the layers', figures(beside), row[5], leaveOut)];
  const measured = wrong.length > 0 ? [`the row as measured: [${figures(layer).join(', ')}], [${figures(beside).join(', ')}]`] : [];
  expect([...wrong, ...measured]).toEqual([]);
}

describe('Operators of libtorch', () => {
  test.each(rowsBy('operators'))('%s, %s, %s, by operators: within the budget', async (...row) => expectWithinBudget(row));

  const describeKernels = kernelsAreAsInTable ? describe : describe.skip;
  describeKernels(kernelsAreAsInTable ? 'by kernels' : 'by kernels (this processor leaves other products to libtorch than the table says)', () => {
    test.each(rowsBy('kernels'))('%s, %s, %s, by kernels: within the budget', async (...row) => expectWithinBudget(row));
  });

  test.each(['step', 'ragged token'] as const)('a steady %s calls the same operators each time, and reads nothing to the host in a layer', async (work) => {
    const { layer, once, twice } = await measureRow(['gemma3-tied-gqa', work, 'bfloat16', 'operators']);
    // Sizes, other than numbers, grow with the length of a text.
    const [first, ...others] = [once, twice].map((counts) => counts.map((each) => ({ ...each, allocatedBytes: 0 })));
    for (const counts of [first!, ...others]) expect(counts).toEqual([counts[0], counts[0], counts[0]]);
    expect([layer.scalarReads, layer.copies]).toEqual([0, {}]);
  });
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
    expect(complaints('a layer', figures(layer), generous)).toEqual(COLUMNS.map((column, index) => `${column} a layer: ${layerBudget[index]}, lower the budget of ${generous[index]}`));
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
  expect(log.stop()).toMatchObject({ operators: {}, nested: {}, views: {}, launches: 0, scalarReads: 0, allocations: 0, allocatedBytes: 0 });
  expect(operators).toEqual({ 'aten::add.Tensor': 1 });
  for (const tensor of [x, fromMain, after]) tensor.dispose();
});
