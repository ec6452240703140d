// npm run reliability:fuzz -- [--inputs N] [--reader NAME] [--seed S]: the long form of test/reliability/fuzz.test.ts.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { inputs: { type: 'string', default: '100000' }, reader: { type: 'string' }, seed: { type: 'string', default: '1' } } });
const env = { ...process.env, FUZZ_INPUTS: values.inputs, FUZZ_SEED: values.seed, ...(values.reader === undefined ? {} : { FUZZ_READER: values.reader }) };
process.exitCode = spawnSync('npx', ['jest', '--runInBand', 'test/reliability/fuzz.test.ts'], { stdio: 'inherit', env }).status ?? 1;
