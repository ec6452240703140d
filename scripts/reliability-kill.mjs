// npm run reliability:kill -- [--kills N] [--seed S]: the long form of test/reliability/kills.test.ts.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } } });
const env = { ...process.env, KILLS: values.kills, KILL_SEED: values.seed };
process.exitCode = spawnSync('npx', ['jest', '--runInBand', 'test/reliability/kills.test.ts'], { stdio: 'inherit', env }).status ?? 1;
