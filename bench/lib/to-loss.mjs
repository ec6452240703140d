// Seconds to a training loss: from starting the process to the end of its work, loading, set-up and checkpoints included.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../../scripts/steps/log.mjs';
import { choose, contender, interleave, summarize } from './rounds.mjs';
import { formatGB, formatRange, renderTable } from './table.mjs';

/** The demo recipe: the first 64 windows of 128 tokens, batch 8, rate 1e-4, in a new order each epoch; a checkpoint every 8 steps. */
const RECIPE = { samples: 64, sequence: 128, batch: 8, learningRate: 1e-4, maxEpochs: 20, checkpointEverySteps: 8 };

export async function measureToLoss({ weights, tokens, python, folder }, options) {
  const targetLoss = Number(options['to-loss']);
  if (!(targetLoss > 0)) throw new SetupError(`expected a number above 0 for --to-loss, got ${options['to-loss']}`);
  const scratch = mkdtempSync(join(folder, 'to-loss-'));
  try {
    const shared = { weights, tokens, targetLoss, folder: scratch, ...RECIPE };
    const ours = (computeDtype) => contender(`hyperfit ${computeDtype}`, 'to-loss.mjs', { ...shared, computeDtype });
    const peer = (name, mode) => contender(`transformers ${name}`, 'to-loss.py', { ...shared, mode }, python);
    const contenders = [ours('float32'), peer('float32', 'float32'), ours('bfloat16'), peer('autocast bfloat16', 'autocast')];
    const rows = [...(await interleave(choose(contenders, options), options.rounds))].map(rowOf);
    if (!options.json) console.log(renderRows(targetLoss, rows));
    return { targetLoss, recipe: RECIPE, rows };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function rowOf([name, rounds]) {
  if (rounds[0].refused) return { name, refused: rounds[0].refused };
  const seconds = summarize(rounds.map((round) => round.wallMilliseconds / 1000));
  return {
    name,
    seconds,
    steps: rounds.map((round) => round.steps),
    losses: rounds.map((round) => round.loss),
    epochLosses: rounds[0].epochLosses,
    peakBytes: Math.max(...rounds.map((round) => round.peakBytes)),
  };
}

function renderRows(target, rows) {
  const cells = rows.map((row) =>
    row.refused
      ? [row.name, `refused: ${row.refused}`]
      : [
          row.name,
          formatRange(row.seconds),
          row.steps.join(', '),
          row.losses.map((loss) => loss.toFixed(3)).join(', '),
          formatGB(row.peakBytes),
        ],
  );
  const { samples, sequence, batch, learningRate, checkpointEverySteps } = RECIPE;
  const recipe = `${samples} windows of ${sequence} tokens, batch ${batch}, rate ${learningRate}, a checkpoint of weights and moments every ${checkpointEverySteps} steps`;
  return `\nTo a mean training loss of ${target} over an epoch: SmolLM2-135M, ${recipe}; from process start to end\n\n${renderTable(['engine', 'seconds, median (range)', 'steps', 'loss reached', 'peak GB'], cells)}`;
}
