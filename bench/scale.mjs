// npm run bench:scale: how times grow: a training step with batch, sequence length and layers, a decoding step with batch and
// context, the citation blocker with the corpus. `npm run bench:scale -- --help` lists the options.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, runMain, SetupError } from '../scripts/steps/log.mjs';
import { DEVICE } from './lib/device.mjs';
import { machineLine } from './lib/machine.mjs';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { prepare } from './lib/prepare.mjs';
import { choose, contender, interleave, summarize } from './lib/rounds.mjs';
import { formatGB, formatNumber, formatRange, renderTable } from './lib/table.mjs';

const PARTS = ['training', 'decoding', 'citation'];
const options = readOptions(
  'npm run bench:scale',
  'How times grow with batch, sequence length, layers, context and corpus; SmolLM2-135M, against transformers.',
  {
    parts: [PARTS.join(','), 'which of the three to measure'],
    'max-tokens': ['100000000', 'largest corpus of the citation blocker, in tokens; about 3 GB of memory at 100 million'],
    ...DEVICE,
    quick: [false, 'few and small points: whether everything works, not how fast it is'],
  },
);

const FULL = {
  steps: 2,
  newTokens: 32,
  training: {
    batch: [1, 2, 4, 8, 16],
    sequence: [32, 64, 128, 256, 512, 1024],
    layers: [5, 10, 20, 30],
    at: { batch: 4, sequence: 128, layers: 30 },
  },
  decoding: { batch: [1, 4, 16, 64, 128], context: [32, 128, 512, 1024, 2048], at: { batch: 1, context: 32 } },
  citation: [1e5, 1e6, 1e7, 1e8],
};
const QUICK = {
  steps: 1,
  newTokens: 4,
  training: { batch: [1, 2], sequence: [16, 32], layers: [2, 4], at: { batch: 1, sequence: 16, layers: 4 } },
  decoding: { batch: [1, 2], context: [32, 64], at: { batch: 1, context: 32 } },
  citation: [1e4, 1e5, 1e6],
};
const plan = options.quick ? QUICK : FULL;

/** One thing varied at a time, the others as in `at`. */
const sweeps = ({ at, ...axes }) =>
  Object.entries(axes).flatMap(([axis, values]) => values.map((value) => ({ axis, value, point: { ...at, [axis]: value } })));

/** The model cut off after its first layers. */
function withLayers({ weights, python, folder }, layers) {
  if (layers === 30) return weights;
  const target = join(folder, `SmolLM2-135M-float32-${layers}-layers`);
  if (existsSync(join(target, 'config.json'))) return target;
  const { status } = spawnSync(python, [join(root, 'bench', 'runners', 'truncate.py'), JSON.stringify({ weights, target, layers })], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new SetupError(`expected a model of ${layers} layers in ${target}; see the messages above`);
  return target;
}

/** The same point for each engine; transformers in bfloat16 is autocast in training and bfloat16 weights in decoding. */
function trainingContenders(parts, { axis, value, point: { batch, sequence, layers } }) {
  const shared = { weights: withLayers(parts, layers), tokens: parts.tokens, batch, sequence, steps: plan.steps };
  const label = `training, ${axis} ${value}`;
  return [
    ...['float32', 'bfloat16'].map((computeDtype) =>
      contender(`${label}: hyperfit ${computeDtype}`, 'train.mjs', { ...shared, computeDtype }),
    ),
    contender(`${label}: transformers float32`, 'train.py', { ...shared, mode: 'float32' }, parts.python),
    contender(`${label}: transformers bfloat16`, 'train.py', { ...shared, mode: 'autocast' }, parts.python),
  ];
}

function decodingContenders(parts, { axis, value, point: { batch, context } }) {
  const shared = { weights: parts.weights, tokens: parts.tokens, batch, promptLength: context, newTokens: plan.newTokens };
  const label = `decoding, ${axis} ${value}`;
  return ['float32', 'bfloat16'].flatMap((dtype) => [
    contender(`${label}: hyperfit ${dtype}`, 'decode.mjs', { ...shared, computeDtype: dtype }),
    contender(`${label}: transformers ${dtype}`, 'decode.py', { ...shared, dtype }, parts.python),
  ]);
}

function rowOf(name, rounds) {
  if (rounds[0].refused) return { name, refused: rounds[0].refused };
  return {
    name,
    milliseconds: summarize(rounds.map((round) => round.milliseconds)),
    peakBytes: Math.max(...rounds.map((round) => round.peakBytes)),
  };
}

async function measureSweep(parts, points, contendersAt) {
  const contenders = choose(
    points.flatMap((point) => contendersAt(parts, point)),
    options,
  );
  const results = await interleave(contenders, options.rounds);
  return [...results].map(([name, rounds]) => rowOf(name, rounds));
}

function renderSweep(title, rows) {
  const cells = rows.map((row) =>
    row.refused ? [row.name, `refused: ${row.refused}`] : [row.name, formatRange(row.milliseconds), formatGB(row.peakBytes)],
  );
  return `\n${title}\n\n${renderTable(['point and engine', 'ms a step, median (range)', 'peak GB'], cells)}`;
}

async function measureCitation() {
  const largest = wholeNumber('max-tokens', options['max-tokens']);
  const sizes = [...new Set(plan.citation.map((size) => Math.min(size, largest)))];
  const contenders = choose(
    sizes.map((tokens) => contender(`citation blocker, ${tokens} tokens`, 'citation.mjs', { corpusTokens: tokens })),
    options,
  );
  return [...(await interleave(contenders, options.rounds))].map(([name, rounds]) => {
    const over = (key) => summarize(rounds.map((round) => round[key]));
    return {
      name,
      buildMilliseconds: over('buildMilliseconds'),
      hitMicroseconds: over('hitMicroseconds'),
      missMicroseconds: over('missMicroseconds'),
      bannedPerHit: rounds[0].bannedPerHit,
      peakBytes: Math.max(...rounds.map((round) => round.peakBytes)),
    };
  });
}

function renderCitation(rows) {
  const cells = rows.map((row) => [
    row.name,
    formatRange({
      median: row.buildMilliseconds.median / 1000,
      min: row.buildMilliseconds.min / 1000,
      max: row.buildMilliseconds.max / 1000,
    }),
    formatRange(row.hitMicroseconds),
    formatNumber(row.bannedPerHit),
    formatRange(row.missMicroseconds),
    formatGB(row.peakBytes),
  ]);
  const title =
    'The citation blocker over seeded synthetic ids: sequences of 256 with Zipf-like frequencies, three in ten with a passage of 32 copied from earlier';
  return `\n${title}\n\n${renderTable(['corpus', 'build, s', 'lookup that hits, us', 'ids banned by a hit', 'lookup that misses, us', 'peak GB'], cells)}`;
}

const MEASURES = {
  training: async (parts) => measureSweep(parts, sweeps(plan.training), trainingContenders),
  decoding: async (parts) => measureSweep(parts, sweeps(plan.decoding), decodingContenders),
  citation: measureCitation,
};
const at = (point) =>
  Object.entries(point)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
const RENDERERS = {
  training: (rows) => renderSweep(`A training step; where not varied: ${at(plan.training.at)}`, rows),
  decoding: (rows) => renderSweep(`A decoding step, ${plan.newTokens} new tokens; where not varied: ${at(plan.decoding.at)}`, rows),
  citation: renderCitation,
};

await runMain(async () => {
  const chosen = options.parts.split(',');
  const unknown = chosen.filter((part) => !PARTS.includes(part));
  if (unknown.length > 0) throw new SetupError(`expected some of ${PARTS.join(', ')} for --parts, got ${unknown.join(', ')}`);
  const parts = await prepare();
  const report = { machine: machineLine(parts.python), rounds: options.rounds, quick: options.quick };
  if (!options.json) console.log(report.machine);
  for (const part of chosen) {
    report[part] = await MEASURES[part](parts);
    if (!options.json) console.log(RENDERERS[part](report[part]));
  }
  if (options.json) console.log(JSON.stringify(report, null, 2));
});
