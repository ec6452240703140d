// npm run bench:overlap: the longest span that each of many texts shares with a training corpus, their BLEU against it and
// against each other, at the size of a large study. `npm run bench:overlap -- --help` lists the options.
import { cpus } from 'node:os';
import { ensure } from '../scripts/setup.mjs';
import { runMain, SetupError } from '../scripts/steps/log.mjs';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { choose, contender, interleave, summarize } from './lib/rounds.mjs';
import { formatGB, formatNumber, formatRange, renderTable } from './lib/table.mjs';

const PARTS = ['overlap', 'dataset-bleu', 'self-bleu'];
const options = readOptions(
  'npm run bench:overlap',
  'Overlap and BLEU of synthetic texts with a synthetic corpus, and their Self-BLEU, on one core; minutes and gigabytes with the defaults.',
  {
    parts: [PARTS.join(','), 'what to measure'],
    tokens: ['100000000', 'tokens of the corpus, in sequences of 256'],
    texts: ['100000', 'texts; three in ten hold a span copied from the corpus'],
    'text-tokens': ['256', 'tokens of each text'],
  },
);

const overRounds = (rounds, part, key) => summarize(rounds.map((round) => round[part][key]));
const timesOf = (rounds, part) => ({
  seconds: overRounds(rounds, part, 'seconds'),
  clockSeconds: overRounds(rounds, part, 'clockSeconds'),
});
const peakOf = (rounds) => Math.max(...rounds.map(({ peakBytes }) => peakBytes));

const ROWS = {
  overlap: (name, rounds) => ({
    name,
    build: timesOf(rounds, 'build'),
    query: timesOf(rounds, 'query'),
    mean: rounds[0].mean,
    max: rounds[0].max,
    shareOver10: rounds[0].shareOver10,
    peakBytes: peakOf(rounds),
  }),
  'dataset-bleu': (name, rounds) => ({
    name,
    build: timesOf(rounds, 'build'),
    query: timesOf(rounds, 'query'),
    value: rounds[0].value,
    peakBytes: peakOf(rounds),
  }),
  'self-bleu': (name, rounds) => ({ name, selfBleu: timesOf(rounds, 'selfBleu'), value: rounds[0].value, peakBytes: peakOf(rounds) }),
};
const times = ({ seconds, clockSeconds }) => `${formatRange(seconds)}; ${formatNumber(clockSeconds.median)}`;
const TABLES = {
  overlap: (rows) =>
    renderTable(
      ['overlap', 'index, processor s; clock', 'all texts, processor s; clock', 'mean, max, share above 10', 'peak GB'],
      rows.map((row) => [
        row.name,
        times(row.build),
        times(row.query),
        `${formatNumber(row.mean)}, ${row.max}, ${formatNumber(row.shareOver10)}`,
        formatGB(row.peakBytes),
      ]),
    ),
  'dataset-bleu': (rows) =>
    renderTable(
      ['dataset BLEU', 'counting the corpus, processor s; clock', 'all texts, processor s; clock', 'value', 'peak GB'],
      rows.map((row) => [row.name, times(row.build), times(row.query), formatNumber(row.value), formatGB(row.peakBytes)]),
    ),
  'self-bleu': (rows) =>
    renderTable(
      ['Self-BLEU', 'processor s; clock', 'value', 'peak GB'],
      rows.map((row) => [row.name, times(row.selfBleu), formatNumber(row.value), formatGB(row.peakBytes)]),
    ),
};

async function measure(part, settings) {
  const name = `${part !== 'self-bleu' ? `${settings.corpusTokens.toLocaleString('en')} tokens, ` : ''}${settings.texts.toLocaleString('en')} texts of ${settings.textTokens}`;
  return [...(await interleave(choose([contender(name, `${part}.mjs`, settings)], options), options.rounds))].map(([name, rounds]) =>
    ROWS[part](name, rounds),
  );
}

await runMain(async () => {
  const parts = options.parts.split(',');
  const unknown = parts.filter((part) => !PARTS.includes(part));
  if (unknown.length > 0) throw new SetupError(`expected some of ${PARTS.join(', ')} for --parts, got ${unknown.join(', ')}`);
  const [corpusTokens, texts, textTokens] = ['tokens', 'texts', 'text-tokens'].map((name) => wholeNumber(name, options[name]));
  await ensure({ native: true, dist: true });
  const report = { machine: `${cpus()[0]?.model.trim() ?? process.arch}, Node ${process.version}`, rounds: options.rounds };
  if (!options.json) console.log(report.machine);
  for (const part of parts) {
    report[part] = await measure(part, { corpusTokens, texts, textTokens });
    if (!options.json) console.log(`\n${TABLES[part](report[part])}`);
  }
  if (options.json) console.log(JSON.stringify(report, null, 2));
});
