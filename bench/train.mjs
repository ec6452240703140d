// npm run bench:train: a training step against transformers and against the floor of its own matrix products.
//   npm run bench:train -- [--rounds 5] [--steps 3] [--shapes 8x128,8x256] [--compile] [--json]
import { parseArgs } from 'node:util';
import { runMain } from '../scripts/steps/log.mjs';
import { machineLine } from './lib/machine.mjs';
import { prepare } from './lib/prepare.mjs';
import { formatMs, interleave, summarize } from './lib/rounds.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, steps: { type: 'string', default: '3' }, shapes: { type: 'string', default: '8x128,8x256' }, compile: { type: 'boolean' }, json: { type: 'boolean' } },
});
const SHAPES = options.shapes.split(',').map((shape) => shape.split('x').map(Number));

function contendersFor({ weights, tokens, python }, [B, T]) {
  const shared = [weights, tokens, B, T, options.steps].map(String);
  const ours = { name: 'hyperfit float32', command: process.execPath, args: ['bench/runners/train.mjs', ...shared, 'float32'] };
  const peer = (mode) => ({ name: `transformers ${mode}`, command: python, args: ['bench/runners/train.py', ...shared, mode] });
  const floor = (dtype) => ({ name: `matrix products ${dtype}`, command: python, args: ['bench/runners/products.py', weights, String(B * T), dtype] });
  return [floor('float32'), ours, peer('float32'), floor('bfloat16'), peer('autocast'), ...(options.compile ? [peer('compile')] : [])];
}

/** All engines start from the same weights and see the same batches: their first losses agree, or nothing is compared. */
function assertSameLosses(results) {
  const [reference, ...others] = [...results].filter(([, rounds]) => rounds[0].losses).map(([name, rounds]) => ({ name, losses: rounds[0].losses }));
  for (const { name, losses } of others) {
    const bound = name.endsWith('float32') ? 1e-4 : 2e-2;
    losses.forEach((loss, step) => {
      if (Math.abs(loss - reference.losses[step]) > bound * reference.losses[step]) throw new Error(`${name} has loss ${loss} at step ${step}, ${reference.name} ${reference.losses[step]}`);
    });
  }
}

function rowsFor(results) {
  const floors = Object.fromEntries(['float32', 'bfloat16'].map((dtype) => [dtype, summarize(results.get(`matrix products ${dtype}`).map((r) => r.milliseconds)).median]));
  return [...results].map(([name, rounds]) => {
    const time = summarize(rounds.map((round) => round.milliseconds));
    const floor = floors[name.endsWith('float32') ? 'float32' : 'bfloat16'];
    return { name, ...time, timesFloor: time.median / floor, peakGB: rounds[0].peakBytes === undefined ? null : Math.max(...rounds.map((round) => round.peakBytes)) / 1e9 };
  });
}

function renderRows([B, T], rows) {
  const lines = rows.map((row) => `| ${row.name} | ${formatMs(row)} | ${row.timesFloor.toFixed(2)} | ${((B * T) / row.median * 1000).toFixed(0)} | ${row.peakGB?.toFixed(1) ?? ''} |`);
  return [`\nSmolLM2-135M, ${B} x ${T} tokens`, '', '| engine | ms a step, median (range) | x floor | tokens/s | peak GB |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

await runMain(async () => {
  const parts = await prepare();
  const report = { machine: machineLine(), rounds: Number(options.rounds), shapes: [] };
  if (!options.json) console.log(report.machine);
  for (const shape of SHAPES) {
    const results = await interleave(contendersFor(parts, shape), report.rounds);
    assertSameLosses(results);
    const rows = rowsFor(results);
    report.shapes.push({ batchSize: shape[0], sequenceLength: shape[1], rows });
    if (!options.json) console.log(renderRows(shape, rows));
  }
  if (options.json) console.log(JSON.stringify(report, null, 2));
});
