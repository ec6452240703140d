// npm run bench:decode: a decoding step against transformers, llama.cpp and the floor of reading the weights once.
// `npm run bench:decode -- --help` lists the options.
import { runMain } from '../scripts/steps/log.mjs';
import { checkAgreement, renderAgreement } from './lib/agreement.mjs';
import { DEVICE, ofHost, onCard, onCpuOnly } from './lib/device.mjs';
import { machineLine } from './lib/machine.mjs';
import { INSTRUCTION_SET, inTurn } from './lib/instruction-sets.mjs';
import { readOptions, wholeNumber, wholeNumbers } from './lib/options.mjs';
import { prepare, prepareLlama } from './lib/prepare.mjs';
import { choose, contender, interleave, summarize } from './lib/rounds.mjs';
import { formatGB, formatNumber, formatRange, renderTable } from './lib/table.mjs';

const options = readOptions(
  'npm run bench:decode',
  "A greedy decoding step of SmolLM2-135M after prompts of 32 tokens, against transformers, llama.cpp and the memory's bandwidth.",
  {
    batches: ['1,16,64', 'sequences decoded together'],
    'new-tokens': ['96', 'ids written per sequence'],
    'llama-types': ['f32,bf16', 'types of the GGUF copies for llama.cpp: f32, bf16, f16'],
    ...INSTRUCTION_SET,
    ...DEVICE,
  },
);
const NGRAM = { generate: { noRepeatNgramSize: 4 } };
const CITATION = { citationSequences: 2000 };
const OURS = 'hyperfit float32';

function contendersFor({ weights, tokens, python, llama, eosTokenId }, batch) {
  const shared = { weights, tokens, batch, newTokens: wholeNumber('new-tokens', options['new-tokens']) };
  const floor = (dtype, bytesPerWeight) =>
    contender(`reading the weights once, ${dtype}`, 'stream.py', { weights, bytesPerWeight }, python);
  const ours = (name, computeDtype, more) => contender(`hyperfit ${name}`, 'decode.mjs', { ...shared, computeDtype, ...more });
  const ourRows = (dtype) => [
    ours(dtype, dtype),
    ours(`${dtype}, no-repeat-ngram 4`, dtype, NGRAM),
    ours(`${dtype}, citation blocker`, dtype, CITATION),
    ours(`${dtype}, both`, dtype, { ...NGRAM, ...CITATION }),
  ];
  const peer = (name, dtype, more) => contender(`transformers ${name}`, 'decode.py', { ...shared, dtype, ...more }, python);
  const llamaRow = ([type, file]) =>
    contender(onCpuOnly(`llama.cpp ${type}`), 'llama.mjs', {
      ...shared,
      entry: llama.entry,
      file,
      eosTokenId,
      cacheType: type === 'f32' ? 'F32' : 'F16',
    });
  return [
    floor('float32', 4),
    ...ourRows('float32'),
    peer('float32', 'float32'),
    peer('float32, no-repeat-ngram 4', 'float32', { noRepeatNgramSize: 4 }),
    floor('bfloat16', 2),
    ...ourRows('bfloat16'),
    peer('bfloat16', 'bfloat16'),
    ...(onCard() ? [peer('bfloat16, static cache, compiled', 'bfloat16', { staticCache: true })] : []),
    ...Object.entries(llama.files).map(llamaRow),
  ];
}

const dtypeOf = (name) => (/float32|f32/.test(name) ? 'float32' : 'bfloat16');

function rowsFor(results) {
  const floorOf = (dtype) => results.get(`reading the weights once, ${dtype}`)?.map((round) => round.milliseconds);
  const floors = Object.fromEntries(['float32', 'bfloat16'].filter(floorOf).map((dtype) => [dtype, summarize(floorOf(dtype)).median]));
  return [...results].map(([name, rounds]) => {
    if (rounds[0].refused) return { name, refused: rounds[0].refused };
    const milliseconds = summarize(rounds.map((round) => round.milliseconds));
    const floor = floors[dtypeOf(name)];
    if (!rounds[0].prefill)
      return {
        name,
        milliseconds,
        timesFloor: milliseconds.median / floor,
        gigabytesPerSecond: summarize(rounds.map((round) => round.gigabytesPerSecond)),
      };
    return {
      name,
      milliseconds,
      timesFloor: floor && milliseconds.median / floor,
      prefill: summarize(rounds.map((round) => round.prefill)),
      peakBytes: Math.max(...rounds.map((round) => round.peakBytes)),
      minorFaultsPerStep: summarize(rounds.map((round) => round.minorFaultsPerStep)),
    };
  });
}

async function agreementOf({ weights, tokens }, batch, results) {
  const idsOf = (name) => results.get(name)?.[0].ids;
  const others = ['transformers float32', onCpuOnly('llama.cpp f32')].filter(idsOf).map((name) => ({ name, ids: idsOf(name) }));
  return idsOf(OURS) ? checkAgreement({ weights, tokens, batch }, idsOf(OURS), others) : [];
}

function renderRows(batch, rows, agreement) {
  const cells = rows.map((row) =>
    row.refused
      ? [row.name, `refused: ${row.refused}`, '', '', '', '']
      : [
          row.name,
          formatRange(row.milliseconds),
          row.timesFloor?.toFixed(2),
          row.prefill && formatNumber((batch / row.milliseconds.median) * 1000),
          formatRange(row.prefill),
          formatGB(row.peakBytes),
          row.minorFaultsPerStep?.median.toFixed(0),
        ],
  );
  const headers = [
    'engine',
    'ms a step, median (range)',
    'x floor',
    'tokens/s',
    'prefill ms',
    ofHost('peak GB'),
    'minor page faults a step',
  ];
  const title = `SmolLM2-135M, batch ${batch}, 32-token prompts, ${options['new-tokens']} new tokens, greedy`;
  return ['', title, ...agreement.map(renderAgreement), '', renderTable(headers, cells)].join('\n');
}

async function measureBatches(parts) {
  const report = { machine: machineLine(parts.python), batches: [] };
  if (!options.json) console.log(`\n${report.machine}`);
  for (const batch of wholeNumbers('batches', options.batches)) {
    const results = await interleave(choose(contendersFor(parts, batch), options), options.rounds);
    const agreement = await agreementOf(parts, batch, results);
    const rows = rowsFor(results);
    report.batches.push({ batch, rows, agreement });
    if (!options.json) console.log(renderRows(batch, rows, agreement));
  }
  return report;
}

await runMain(async () => {
  const parts = await prepare();
  const report = { rounds: options.rounds, instructionSets: [] };
  await inTurn(options['instruction-set'], async ({ name, restricts }) => {
    const llama = prepareLlama(parts, restricts ? [] : options['llama-types'].split(',').filter(Boolean));
    report.instructionSets.push({ name, ...(await measureBatches({ ...parts, llama })) });
  });
  if (options.json) console.log(JSON.stringify(report, null, 2));
});
