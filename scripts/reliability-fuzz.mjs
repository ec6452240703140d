// npm run reliability:fuzz -- [--inputs N] [--reader PATTERN] [--seed S]: the long form of test/reliability/fuzz.test.ts.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const HELP = `npm run reliability:fuzz -- [--inputs 10000] [--reader PATTERN] [--seed 1] [--last-input FILE] [--faults FOLDER]
  --inputs      for each reader; those of whole folders take a part of it
  --reader      a regular expression: readers whose name it is found in
  --seed        another one makes other inputs
  --last-input  where the input at hand is kept, in case it ends the process
  --faults      a folder where inputs with faults are kept`;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '10000' },
    reader: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'last-input': { type: 'string' },
    faults: { type: 'string' },
    help: { type: 'boolean' },
  },
});
const given = {
  FUZZ_INPUTS: values.inputs,
  FUZZ_SEED: values.seed,
  FUZZ_READER: values.reader,
  FUZZ_LAST_INPUT: values['last-input'],
  FUZZ_FAULTS: values.faults,
};
const env = { ...process.env, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
if (values.help) console.log(HELP);
else process.exitCode = spawnSync('npx', ['jest', '--runInBand', 'test/reliability/fuzz.test.ts'], { stdio: 'inherit', env }).status ?? 1;
