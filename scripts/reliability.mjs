// The long forms of test/reliability: npm run reliability:memory, reliability:endings, reliability:together. Each count has a flag: --
// --times 20 --at-once 2.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const LONG = {
  memory: { steps: 4000, generations: 4000, loads: 4000, dropped: 256 },
  endings: { times: 100, 'at-once': 4, seed: 1 },
  together: { calls: 1000, seconds: 15 },
};

const [name, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(LONG, name ?? '')) throw new Error(`expected one of ${Object.keys(LONG).join(', ')}, got ${name}`);
const options = Object.fromEntries(Object.entries(LONG[name]).map(([flag, count]) => [flag, { type: 'string', default: String(count) }]));
const { values } = parseArgs({ args: rest, options: { ...options, only: { type: 'string', default: '' } } });
for (const [flag, count] of Object.entries(values))
  if (flag !== 'only' && !/^[1-9]\d*$/.test(count)) throw new Error(`expected a whole number from 1 for --${flag}, got ${count}`);
const counts = Object.fromEntries(
  Object.entries(values)
    .filter(([flag]) => flag !== 'only')
    .map(([flag, count]) => [`RELIABILITY_${flag.replaceAll('-', '_').toUpperCase()}`, count]),
);
// --only WORDS: the tests whose names hold them.
const args = ['jest', '--runInBand', `test/reliability/${name}.test.ts`, ...(values.only === '' ? [] : ['-t', values.only])];
process.exitCode = spawnSync('npx', args, { stdio: 'inherit', env: { ...process.env, ...counts } }).status ?? 1;
