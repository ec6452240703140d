// npm run bench:decode: a decoding step against transformers and against the floor of reading the weights once.
//   npm run bench:decode -- [--rounds 5] [--batches 1,16,64] [--new-tokens 96] [--json]
import { parseArgs } from 'node:util';
import { runMain } from '../scripts/steps/log.mjs';
import { machineLine } from './lib/machine.mjs';
import { prepare } from './lib/prepare.mjs';
import { formatMs, interleave, summarize } from './lib/rounds.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    batches: { type: 'string', default: '1,16,64' },
    'new-tokens': { type: 'string', default: '96' },
    json: { type: 'boolean' },
  },
});
const BLOCKED = JSON.stringify({ noRepeatNgramSize: 4, citationCorpus: 2000 });

function contendersFor({ weights, tokens, python }, B) {
  const shared = [weights, tokens, String(B), options['new-tokens']];
  const ours = (name, ...rest) => ({ name, command: process.execPath, args: ['bench/runners/decode.mjs', ...shared, 'float32', ...rest] });
  const peer = (dtype) => ({ name: `transformers ${dtype}`, command: python, args: ['bench/runners/decode.py', ...shared, dtype] });
  return [
    { name: 'reading the weights once, float32', command: python, args: ['bench/runners/stream.py', weights, '4'] },
    ours('hyperfit float32'),
    ours('hyperfit float32, both blockers', BLOCKED),
    peer('float32'),
    peer('bfloat16'),
  ];
}

/** Two float32 engines must write the same ids; where they part, how far they got together is said. */
function agreement(results) {
  const [ours] = results.get('hyperfit float32');
  const [theirs] = results.get('transformers float32');
  const together = ours.ids.map((ids, row) => {
    const parting = ids.findIndex((id, index) => id !== theirs.ids[row][index]);
    return parting < 0 ? ids.length : parting;
  });
  return { rows: together.length, identical: together.filter((length, row) => length === ours.ids[row].length).length, shortest: Math.min(...together) };
}

function rowsFor(results, floorName) {
  const floor = summarize(results.get(floorName).map((round) => round.milliseconds)).median;
  return [...results].map(([name, rounds]) => {
    const time = summarize(rounds.map((round) => round.milliseconds));
    const prefill = rounds[0].prefill && summarize(rounds.map((round) => round.prefill));
    return { name, ...time, timesFloor: time.median / floor, prefill };
  });
}

function renderRows(B, rows, { rows: total, identical, shortest }) {
  const lines = rows.map((row) => `| ${row.name} | ${formatMs(row)} | ${row.timesFloor.toFixed(2)} | ${((B / row.median) * 1000).toFixed(0)} | ${row.prefill ? formatMs(row.prefill) : ''} |`);
  const same = `float32 ids equal to those of transformers in ${identical} of ${total} rows${identical < total ? `, the earliest parting after ${shortest} tokens` : ''}`;
  return [`\nSmolLM2-135M, batch ${B}, 32-token prompts, ${options['new-tokens']} new tokens; ${same}`, '', '| engine | ms a step, median (range) | x floor | tokens/s | prefill ms |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

await runMain(async () => {
  const parts = await prepare();
  const report = { machine: machineLine(), rounds: Number(options.rounds), batches: [] };
  if (!options.json) console.log(report.machine);
  for (const B of options.batches.split(',').map(Number)) {
    const contenders = contendersFor(parts, B);
    const results = await interleave(contenders, report.rounds);
    const rows = rowsFor(results, contenders[0].name);
    const same = agreement(results);
    report.batches.push({ batch: B, rows, agreement: same });
    if (!options.json) console.log(renderRows(B, rows, same));
  }
  if (options.json) console.log(JSON.stringify(report, null, 2));
});
