import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCheckpoint, Model, Optimizer, saveCheckpoint } from '../../../dist/index.mjs';
import { takeAll, takeSteps } from '../measure.mjs';
import { tinyModelPath } from '../models.mjs';
import { BOUNDS, relativeDifference, sameBits } from '../numbers.mjs';
import { REFERENCE, setKernels, subjectOf } from '../sides.mjs';

const STATE = {
  schemaVersion: 1,
  epoch: 0,
  position: 0,
  epochLossSum: 0,
  epochTokenCount: 0,
  lastEpochLoss: null,
  order: 'random',
  seed: 0,
  sampleCount: 16,
  batchSize: 4,
  dataHash: 'check-device',
};
const WAYS = [
  ['llama-tied-gqa', 'float32', undefined],
  ['gpt2-untied-odd', 'float32', undefined],
  ['gemma3-tied-gqa', 'bfloat16', undefined],
  ['llama-untied-mha', 'float32', { rank: 4 }],
  ['gpt2-tied', 'bfloat16', { rank: 4 }],
];

/** Three steps here, three there, three here again, a checkpoint between; beside it nine on the CPU alone. */
export async function run({ settings, results }) {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-check-'));
  try {
    for (const [name, computeDtype, lora] of settings.quick ? WAYS.filter((_, i) => i % 3 === 0) : WAYS) {
      const title = `${name} ${computeDtype}${lora ? ' LoRA' : ''}`;
      await results.tries(title, () =>
        travel({ title, name, folder: join(folder, title), options: { computeDtype, lora }, subject: subjectOf(settings), results }),
      );
    }
  } finally {
    setKernels(true);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function travel({ title, name, folder, options, subject, results }) {
  const here = { ...options, device: subject.device };
  const there = { ...options, device: 'cpu' };
  const fresh = async () => withKept(await startFrom(tinyModelPath(name), there));
  setKernels(REFERENCE.kernels);
  const expected = await use(await fresh(), (kept) => steps(kept, 0, 9));

  setKernels(subject.kernels);
  const first = await use(withKept(await startFrom(tinyModelPath(name), here)), (kept) => steps(kept, 0, 3, folder));
  setKernels(REFERENCE.kernels);
  const second = await use(withKept(await loadCheckpoint(folder, there)), (kept) => {
    compareWeights(`${title}: weights as they were saved`, kept, first, results);
    return steps(kept, 3, 6, folder);
  });
  setKernels(subject.kernels);
  const third = await use(withKept(await loadCheckpoint(folder, here)), (kept) => {
    compareWeights(`${title}: weights as they came back`, kept, second, results);
    return steps(kept, 6, 9);
  });
  const losses = [first, second, third].flatMap((part) => part.losses);
  results.atMost(
    `${title}: losses of nine steps across devices`,
    relativeDifference(losses, expected.losses),
    BOUNDS[options.computeDtype].losses,
  );
}

async function startFrom(path, { device, computeDtype, lora }) {
  const model = await Model.load(path, { device, computeDtype });
  return { model, optimizer: new Optimizer(model, { lora }) };
}

const withKept = ({ model, optimizer }) => ({
  model,
  optimizer,
  all: () => new Map([...takeAll(model.parameters()), ...takeAll(optimizer.state())]),
});

async function use(kept, work) {
  try {
    return await work(kept);
  } finally {
    kept.optimizer.dispose();
    kept.model.dispose();
  }
}

async function steps({ model, optimizer, all }, from, to, folder) {
  const { losses } = await takeSteps(model, optimizer, from, to);
  if (folder !== undefined) await saveCheckpoint(folder, { model, optimizer, state: { ...STATE, step: to } });
  return { losses, tensors: all() };
}

/** Weights and moments are float32 on every device and in the file: nothing may be lost on the way. */
function compareWeights(name, { all }, { tensors }, results) {
  const differing = [...all()].filter(([key, values]) => !tensors.has(key) || !sameBits(values, tensors.get(key))).map(([key]) => key);
  results.holds(name, differing.length === 0, { differing: differing.slice(0, 5) });
}
