// npm run reliability:load -- [--seconds S] [--clients N] [--seed S]: the long form of test/reliability/load.test.ts.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    clients: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
  },
});
const env = { ...process.env, LOAD_SECONDS: values.seconds, LOAD_CLIENTS: values.clients, LOAD_SEED: values.seed };
process.exitCode = spawnSync('npx', ['jest', '--runInBand', 'test/reliability/load.test.ts'], { stdio: 'inherit', env }).status ?? 1;
