// npm run reliability:kill -- [--what train|others|answers|all] [--kills N] [--seed S]: the long forms of test/reliability/kills*.test.ts.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const FILES = { train: 'kills.test.ts', others: 'kills-others.test.ts', answers: 'kills-answers.test.ts' };
const { values } = parseArgs({
  options: {
    what: { type: 'string', default: 'train' },
    kills: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
  },
});
const files = values.what === 'all' ? Object.values(FILES) : [FILES[values.what]];
if (files[0] === undefined) throw new Error(`expected one of ${Object.keys(FILES).join(', ')}, all for --what, got ${values.what}`);
const env = { ...process.env, KILLS: values.kills, KILL_SEED: values.seed };
process.exitCode =
  spawnSync('npx', ['jest', '--runInBand', ...files.map((file) => `test/reliability/${file}`)], { stdio: 'inherit', env }).status ?? 1;
