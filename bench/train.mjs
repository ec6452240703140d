// npm run bench:train: a training step against transformers and against the floor of its own matrix products; with --to-loss,
// the whole way from starting the process to that training loss. `npm run bench:train -- --help` lists the options.
import { runMain } from '../scripts/steps/log.mjs';
import { DEVICE, ofHost, onCard } from './lib/device.mjs';
import { machineLine } from './lib/machine.mjs';
import { INSTRUCTION_SET, inTurn } from './lib/instruction-sets.mjs';
import { readOptions, shapes, wholeNumber } from './lib/options.mjs';
import { countParameters, prepare } from './lib/prepare.mjs';
import { choose, contender, interleave, summarize } from './lib/rounds.mjs';
import { formatGB, formatNumber, formatRange, renderTable } from './lib/table.mjs';
import { measureToLoss } from './lib/to-loss.mjs';

const options = readOptions(
  'npm run bench:train',
  'A training step of SmolLM2-135M against transformers and against its own matrix products.',
  {
    shapes: ['8x128,8x256', 'batch x sequence length, tokens'],
    steps: ['3', 'timed steps per process, after two that warm up'],
    'to-loss': ['', 'instead: seconds to this mean training loss with the demo recipe, load, set-up and checkpoints included'],
    lora: [false, 'also LoRA of rank 8, on all layers and on the last five'],
    recompute: [false, 'also with activations that are computed again'],
    ...INSTRUCTION_SET,
    ...DEVICE,
  },
);

function contendersFor({ weights, tokens, python }, [batch, sequence]) {
  const shared = { weights, tokens, batch, sequence, steps: wholeNumber('steps', options.steps) };
  const floor = (dtype) => contender(`matrix products ${dtype}`, 'products.py', { weights, rows: batch * sequence, dtype }, python);
  const ours = (computeDtype, lora, which = '') =>
    contender(`hyperfit ${which}${computeDtype}`, 'train.mjs', { ...shared, computeDtype, lora });
  const again = (computeDtype) =>
    contender(`hyperfit recomputing ${computeDtype}`, 'train.mjs', { ...shared, computeDtype, recompute: true });
  const additions = (computeDtype) => [
    ours(computeDtype, { rank: 8 }, 'LoRA '),
    ours(computeDtype, { rank: 8, layers: 5 }, 'LoRA, last five layers, '),
  ];
  const peer = (name, mode) => contender(`transformers ${name}`, 'train.py', { ...shared, mode }, python);
  return [
    floor('float32'),
    ours('float32'),
    peer('float32', 'float32'),
    peer('compiled float32', 'compile-float32'),
    floor('bfloat16'),
    ours('bfloat16'),
    peer('autocast bfloat16', 'autocast'),
    peer('compiled autocast bfloat16', 'compile-autocast'),
    ...(onCard() ? [peer('autocast, flash attention, bfloat16', 'flash-autocast')] : []),
    ...(options.lora ? ['float32', 'bfloat16'].flatMap(additions) : []),
    ...(options.recompute ? ['float32', 'bfloat16'].map(again) : []),
  ];
}

/**
 * All engines start from the same weights and see the same batches: their losses agree, or nothing is compared. LoRA's first does, while B
 * is zero.
 */
function assertSameLosses(results) {
  const [reference, ...others] = [...results]
    .filter(([, rounds]) => rounds[0].losses)
    .map(([name, rounds]) => ({ name, losses: rounds[0].losses }));
  for (const { name, losses } of others) {
    const bound = reference.name.endsWith('float32') && name.endsWith('float32') ? 1e-4 : 2e-2;
    losses.slice(0, name.includes('LoRA') ? 1 : undefined).forEach((loss, step) => {
      if (!(Math.abs(loss - reference.losses[step]) <= bound * reference.losses[step]))
        throw new Error(`${name} has loss ${loss} at step ${step}, ${reference.name} ${reference.losses[step]}`);
    });
  }
}

const dtypeOf = (name) => (name.endsWith('float32') ? 'float32' : 'bfloat16');

/** Weights, gradients and two moments in float32 are 16 bytes a parameter; what an engine needs beyond them is its own doing. */
function rowOf(name, rounds, { floors, parameters }) {
  if (rounds[0].refused) return { name, refused: rounds[0].refused };
  const time = summarize(rounds.map((round) => round.milliseconds));
  const { forms } = rounds[0];
  const timesFloor = floors[dtypeOf(name)] && time.median / floors[dtypeOf(name)];
  const row = {
    name,
    milliseconds: time,
    timesFloor,
    ...(forms && { typicalMilliseconds: summarize(rounds.map((round) => round.typicalMilliseconds)), forms }),
  };
  if (rounds[0].peakBytes === undefined) return row;
  const peakBytes = Math.max(...rounds.map((round) => round.peakBytes));
  const beyondBytes = peakBytes - 16 * parameters - Math.min(...rounds.map((round) => round.runtimeBytes));
  return { ...row, peakBytes, beyondBytes, minorFaultsPerStep: summarize(rounds.map((round) => round.minorFaultsPerStep)) };
}

function rowsFor(results, parameters) {
  const floorOf = (dtype) => results.get(`matrix products ${dtype}`)?.map((round) => round.milliseconds);
  const floors = Object.fromEntries(['float32', 'bfloat16'].filter(floorOf).map((dtype) => [dtype, summarize(floorOf(dtype)).median]));
  return [...results].map(([name, rounds]) => rowOf(name, rounds, { floors, parameters }));
}

/** What the floor's calls took by their median, as a row of its own: neighbours on the machine slow these, as they slow a step. */
function withTypical(row) {
  const { name, typicalMilliseconds: typical } = row;
  if (!typical) return [row];
  return [row, { name: `${name}, median of the calls`, milliseconds: typical, timesFloor: typical.median / row.milliseconds.median }];
}

function renderRows([B, T], rows) {
  const cells = rows
    .flatMap(withTypical)
    .map(({ name, refused, milliseconds, timesFloor, peakBytes, beyondBytes, minorFaultsPerStep }) =>
      refused
        ? [name, `refused: ${refused}`, '', '', '', '', '']
        : [
            name,
            formatRange(milliseconds),
            timesFloor?.toFixed(2),
            formatNumber(((B * T) / milliseconds.median) * 1000),
            formatGB(peakBytes),
            formatGB(beyondBytes),
            minorFaultsPerStep && minorFaultsPerStep.median.toFixed(0),
          ],
    );
  const headers = [
    'engine',
    'ms a step, median (range)',
    'x floor',
    'tokens/s',
    ofHost('peak GB'),
    'beyond weights, gradients, moments and runtime, GB',
    'minor page faults a step',
  ];
  return `\nSmolLM2-135M, ${B} x ${T} tokens\n\n${renderTable(headers, cells)}`;
}

async function measureSteps(parts) {
  const report = { machine: machineLine(parts.python), shapes: [] };
  if (!options.json) console.log(`\n${report.machine}`);
  for (const shape of shapes('shapes', options.shapes)) {
    const results = await interleave(choose(contendersFor(parts, shape), options), options.rounds);
    assertSameLosses(results);
    const rows = rowsFor(results, countParameters(parts.weights));
    report.shapes.push({ batchSize: shape[0], sequenceLength: shape[1], rows });
    if (!options.json) console.log(renderRows(shape, rows));
  }
  return report;
}

/** Each kind of processor with its machine line, in which a restriction stands. */
async function measureAll(parts) {
  const report = { rounds: options.rounds, instructionSets: [] };
  await inTurn(options['instruction-set'], async ({ name }) => {
    const measured =
      options['to-loss'] === ''
        ? await measureSteps(parts)
        : { machine: machineLine(parts.python), toLoss: await measureToLoss(parts, options) };
    report.instructionSets.push({ name, ...measured });
  });
  return report;
}

await runMain(async () => {
  const report = await measureAll(await prepare());
  if (options.json) console.log(JSON.stringify(report, null, 2));
});
