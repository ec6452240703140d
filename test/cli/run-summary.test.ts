import { renderRunSummary, summarizeRun } from '../../lib/cli/run-summary.ts';
import type { RunResult } from '../../lib/run/run.ts';

const RESULT: RunResult = {
  folder: 'runs/a',
  reason: 'targetLoss',
  step: 88,
  epochs: 11,
  loss: 0.09321,
  checkpoint: 'runs/a/checkpoints/step-000088',
  certificate: {
    meanLoss: 0.08341,
    lossFloor: 0.0052,
    worstLoss: 0.2117,
    top1Accuracy: 0.98764,
    entropy: 0.1832,
    sequences: 64,
    tokens: 8128,
    steps: 88,
    changedShare: 0.998,
    quantize: null,
  },
  comparison: [],
  best: [
    { criterion: 'generation', step: 80, ttr: 0.6553, rep2: 0.1, trainLoss: 0.2, path: 'runs/a/checkpoints/best-by-generation' },
    { criterion: 'loss', step: 88, ttr: 0.6, rep2: 0.1, trainLoss: 0.09, path: 'runs/a/checkpoints/best-by-loss' },
  ],
  report: 'runs/a/report.html',
};

test('ends with the certificate and the places of what was kept', () => {
  expect(renderRunSummary(RESULT)).toBe(`the target loss is reached: 88 steps, 11 epochs, mean training loss 0.0932

certificate: after 88 steps, on the 64 training sequences (8128 predicted tokens)
  mean loss        0.0834 nats per token; no model can have less than 0.0052
  worst sequence   0.2117 nats per token
  top-1 accuracy   98.8 %
  entropy          0.183 nats
  weights changed  99.8 %

checkpoint          runs/a/checkpoints/step-000088
best by generation  runs/a/checkpoints/best-by-generation (step 80, TTR 0.655)
best by loss        runs/a/checkpoints/best-by-loss (step 88, training loss 0.0900)
report              runs/a/report.html`);
});

test('a stopped run has no certificate, and JSON holds what there is', () => {
  const stopped: RunResult = { ...RESULT, reason: 'stopped', certificate: null, best: [], report: null, loss: null };
  expect(renderRunSummary(stopped)).toBe('stopped; go on with --resume: 88 steps, 11 epochs\n\ncheckpoint  runs/a/checkpoints/step-000088');
  expect(summarizeRun(RESULT)).toMatchObject({
    schemaVersion: 1,
    best: [{ criterion: 'generation', step: 80 }, { criterion: 'loss' }],
    certificate: { steps: 88 },
  });
});
