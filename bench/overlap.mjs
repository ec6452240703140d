// npm run bench:overlap: the longest span that each of many texts shares with a training corpus, at the size of a large
// study. `npm run bench:overlap -- --help` lists the options.
import { cpus } from 'node:os';
import { ensure } from '../scripts/setup.mjs';
import { runMain } from '../scripts/steps/log.mjs';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { choose, contender, interleave, summarize } from './lib/rounds.mjs';
import { formatGB, formatNumber, formatRange, renderTable } from './lib/table.mjs';

const options = readOptions('npm run bench:overlap', 'Building the overlap index of a synthetic corpus, and the longest shared span of each text, on one core.', {
  tokens: ['100000000', 'tokens of the corpus, sequences of 256; up to 26 bytes of memory each'],
  texts: ['100000', 'texts to look up; three in ten hold a span copied from the corpus'],
  'text-tokens': ['256', 'tokens of each text'],
});

function rowOf([name, rounds]) {
  const over = (part, key) => summarize(rounds.map((round) => round[part][key]));
  const { mean, max, shareOver10 } = rounds[0];
  return { name, buildSeconds: over('build', 'seconds'), buildClockSeconds: over('build', 'clockSeconds'), querySeconds: over('query', 'seconds'), queryClockSeconds: over('query', 'clockSeconds'), mean, max, shareOver10, peakBytes: Math.max(...rounds.map((round) => round.peakBytes)) };
}

function render(rows) {
  const cells = rows.map((row) => [row.name, formatRange(row.buildSeconds), formatRange(row.querySeconds), `${formatNumber(row.buildClockSeconds.median)}, ${formatNumber(row.queryClockSeconds.median)}`, `${formatNumber(row.mean)}, ${row.max}, ${formatNumber(row.shareOver10)}`, formatGB(row.peakBytes)]);
  return renderTable(['corpus and texts', 'build, processor s', 'all texts, processor s', 'both by the clock, s', 'overlap: mean, max, share above 10', 'peak GB'], cells);
}

await runMain(async () => {
  const [corpusTokens, texts, textTokens] = ['tokens', 'texts', 'text-tokens'].map((name) => wholeNumber(name, options[name]));
  await ensure({ native: true, dist: true });
  const contenders = choose([contender(`${corpusTokens.toLocaleString('en')} tokens, ${texts.toLocaleString('en')} texts of ${textTokens}`, 'overlap.mjs', { corpusTokens, texts, textTokens })], options);
  const report = { machine: `${cpus()[0]?.model.trim() ?? process.arch}, Node ${process.version}`, rounds: options.rounds, rows: [...(await interleave(contenders, options.rounds))].map(rowOf) };
  console.log(options.json ? JSON.stringify(report, null, 2) : `${report.machine}\n\n${render(report.rows)}`);
});
