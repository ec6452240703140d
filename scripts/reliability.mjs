// The long forms of test/reliability: npm run reliability:memory, reliability:endings, reliability:together; a count in the place of theirs by -- --times N.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const LONG = {
  memory: { STEPS: 2000, GENERATIONS: 2000, LOADS: 200, DROPPED: 256 },
  endings: { ENDINGS: 100 },
  together: { CALLS: 1000, LOOP: 60 },
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { times: { type: 'string' }, seed: { type: 'string', default: '1' } } });
const [name] = positionals;
if (!Object.hasOwn(LONG, name ?? '')) throw new Error(`expected one of ${Object.keys(LONG).join(', ')}, got ${name}`);
const counts = Object.fromEntries(Object.entries({ ...LONG[name], SEED: values.seed }).map(([key, count]) => [`RELIABILITY_${key}`, key === 'SEED' ? count : String(values.times ?? count)]));
process.exitCode = spawnSync('npx', ['jest', '--runInBand', `test/reliability/${name}.test.ts`], { stdio: 'inherit', env: { ...process.env, ...counts } }).status ?? 1;
