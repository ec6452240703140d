// npm run bench:load: from starting the process to the first token, and to the end of the first training step.
// `npm run bench:load -- --help` lists the options.
import { join } from 'node:path';
import { runMain } from '../scripts/steps/log.mjs';
import { DEVICE, ofHost, onCpuOnly } from './lib/device.mjs';
import { machineLine } from './lib/machine.mjs';
import { readOptions, shapes } from './lib/options.mjs';
import { prepare, prepareLlama, readThrough } from './lib/prepare.mjs';
import { choose, contender, interleave, summarize } from './lib/rounds.mjs';
import { formatGB, formatRange, renderTable } from './lib/table.mjs';

const options = readOptions(
  'npm run bench:load',
  "Milliseconds from starting the process to the first token of a text, and to the end of the first training step; the files are in the operating system's cache.",
  {
    text: ['Call me Ishmael. Some years ago', 'the prompt'],
    shape: ['8x128', 'batch x sequence length of the training step'],
    ...DEVICE,
  },
);

function contendersFor({ weights, gguf, tokens, python, llama }) {
  const [batch, sequence] = shapes('shape', options.shape)[0];
  const token = { tokens, text: options.text, until: 'token' };
  const step = { tokens, batch, sequence, until: 'step' };
  const ours = (name, settings) => contender(`hyperfit, ${name}`, 'load.mjs', settings);
  const peer = (name, settings) => contender(`transformers, ${name}`, 'load.py', settings, python);
  return [
    ours('first token, float32 safetensors', { weights, ...token }),
    ours('first token, Q4_1 GGUF', { weights: gguf, ...token }),
    peer('first token, float32 safetensors', { weights, ...token }),
    contender(onCpuOnly('llama.cpp, first token, F32 GGUF'), 'load-llama.mjs', {
      entry: llama.entry,
      file: llama.files.f32,
      text: options.text,
    }),
    contender(onCpuOnly('llama.cpp, first token, Q4_1 GGUF'), 'load-llama.mjs', { entry: llama.entry, file: gguf, text: options.text }),
    ours('first training step, float32', { weights, ...step }),
    ours('first training step, bfloat16', { weights, computeDtype: 'bfloat16', ...step }),
    peer('first training step, float32', { weights, ...step, mode: 'float32' }),
    peer('first training step, autocast bfloat16', { weights, ...step, mode: 'autocast' }),
  ];
}

/** `loaded` and `reached` are clock times inside the process; its start is seen from outside. */
function rowOf([name, rounds]) {
  if (rounds[0].refused) return { name, refused: rounds[0].refused };
  const since = (key) => summarize(rounds.map((round) => round[key] - round.startedAt));
  return {
    name,
    loadedMilliseconds: since('loaded'),
    milliseconds: since('reached'),
    peakBytes: Math.max(...rounds.map((round) => round.peakBytes)),
  };
}

function renderRows(rows) {
  const cells = rows.map((row) =>
    row.refused
      ? [row.name, `refused: ${row.refused}`]
      : [row.name, formatRange(row.milliseconds), formatRange(row.loadedMilliseconds), formatGB(row.peakBytes)],
  );
  return `\n${renderTable(['process start to', 'ms, median (range)', 'of it until the model is loaded', ofHost('peak GB')], cells)}`;
}

await runMain(async () => {
  const parts = await prepare();
  parts.llama = prepareLlama(parts, ['f32']);
  for (const path of [join(parts.weights, 'model.safetensors'), parts.gguf, parts.llama.files.f32]) await readThrough(path);
  const rows = [...(await interleave(choose(contendersFor(parts), options), options.rounds))].map(rowOf);
  const report = { machine: machineLine(parts.python), rounds: options.rounds, rows };
  console.log(options.json ? JSON.stringify(report, null, 2) : `${report.machine}\n${renderRows(rows)}`);
});
