// npm run operators: which operators of libtorch a steady training step or token calls, a layer and beside the layers, as the operator log
// of the tests counts them. `npm run operators -- --help` lists the options; CONTRIBUTING.md says what the columns are.
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { renderTable } from '../bench/lib/table.mjs';
import { summarize } from './operators/counts.mjs';
import { countSteps, countTokens, measure } from './operators/measure.mjs';
import { ensure } from './setup.mjs';
import { root, runMain, SetupError } from './steps/log.mjs';

const WORK = { step: [countSteps, {}], token: [countTokens, {}], 'ragged-token': [countTokens, { ragged: true }] };
const DTYPES = ['float32', 'bfloat16'];
const HELP = `Usage: npm run operators -- [options]

Operators of libtorch of a steady training step or token, a layer and beside the layers.

  --model <path>           a folder with config.json, or that file; weights are drawn, so small ones will do (default: the tiny Llama of the tests)
  --work <work>            ${Object.keys(WORK).join(', ')} (default: step)
  --compute-dtype <dtype>  ${DTYPES.join(', ')} (default: float32)
  --lora-rank <rank>       train LoRA instead of all weights
  --kernels                with the CPU's own kernels, which are no operators, instead of by operators
  --json                   print one JSON document instead of tables
  --help                   print this and stop`;

const OPTIONS = {
  model: { type: 'string', default: join(root, 'test/fixtures/models/llama-tied-gqa') },
  work: { type: 'string', default: 'step' },
  'compute-dtype': { type: 'string', default: 'float32' },
  'lora-rank': { type: 'string' },
  kernels: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

function readOptions() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    requireOneOf('work', values.work, Object.keys(WORK));
    requireOneOf('compute-dtype', values['compute-dtype'], DTYPES);
    const rank = values['lora-rank'];
    if (rank !== undefined && !/^[1-9]\d*$/.test(rank))
      throw new SetupError(`expected a whole number of at least 1 for --lora-rank, got "${rank}"; give one`);
    return values;
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`${error.message}; --help lists the options`);
  }
}

function requireOneOf(name, value, allowed) {
  if (!allowed.includes(value)) throw new SetupError(`expected ${allowed.join(', ')} for --${name}, got "${value}"; choose one of them`);
}

function readConfig(path) {
  try {
    return JSON.parse(readFileSync(statSync(path).isDirectory() ? join(path, 'config.json') : path, 'utf8'));
  } catch (error) {
    throw new SetupError(`expected config.json or a folder with one for --model, got ${path} (${error.message}); give another`);
  }
}

/** dist/ with the log beside it, and the switch of the kernels, which only the addon has. */
async function openLibrary() {
  await ensure({ native: true, dist: true });
  const [hyperfit, { initializeModel }] = await Promise.all([import('../dist/index.mjs'), import('../dist/model.mjs')]);
  const report = hyperfit.doctor(); // opens libtorch, which the log stands on
  if (!report.ok) throw new SetupError(report.addon.error);
  const require = createRequire(import.meta.url);
  const log = require(join(root, 'build-cmake/Release/operator-log.node'));
  return { ...hyperfit, initializeModel, log, setKernels: (on) => require(report.addon.path).setKernels(on) };
}

function renderSummary({ layer, beside }) {
  const row = (name, counts) => [name, ...Object.values(summarize(counts)), counts.scalarReads, counts.allocatedBytes];
  return renderTable(
    ['', 'operators', 'launches', 'views', 'allocations', 'scalar reads', 'bytes allocated'],
    [row('a layer', layer), row('beside', beside)],
  );
}

function renderNames({ layer, beside }) {
  const rows = ['operators', 'nested', 'views', 'copies'].flatMap((kind) => {
    const names = [...new Set([...Object.keys(layer[kind]), ...Object.keys(beside[kind])])].sort();
    return names.map((name) => [kind, name, layer[kind][name] ?? 0, beside[kind][name] ?? 0]);
  });
  return renderTable(['', 'operator', 'a layer', 'beside'], rows);
}

await runMain(async () => {
  const options = readOptions();
  if (options.help) return void process.stdout.write(`${HELP}\n`);
  const [count, more] = WORK[options.work];
  const lora = options['lora-rank'] && { rank: Number(options['lora-rank']) };
  const { layer, beside } = await measure(await openLibrary(), readConfig(options.model), count, {
    ...more,
    lora,
    computeDtype: options['compute-dtype'],
    kernels: options.kernels,
  });
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ layer, beside }, null, 2)}\n`
      : `${renderSummary({ layer, beside })}\n\n${renderNames({ layer, beside })}\n`,
  );
});
