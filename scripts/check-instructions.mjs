// npm run check:instructions: the CPU's kernels by every set of instructions of this processor, or of the one that Bochs 3.0 emulates,
// AVX-512 and AMX among them.
import { emulate } from './instructions/emulate.mjs';
import { buildCheck } from './instructions/program.mjs';
import { run } from './steps/run.mjs';
import { runMain, SetupError } from './steps/log.mjs';

const USAGE = 'usage: npm run check:instructions -- [--emulate]  (by this processor, or by Bochs 3.0, which BOCHS may name)\n';

await runMain(async () => {
  const [option, ...others] = process.argv.slice(2);
  if (option === '--help') return void process.stdout.write(USAGE);
  if (others.length > 0 || (option !== undefined && option !== '--emulate')) {
    throw new SetupError(`expected --emulate or nothing, got ${process.argv.slice(2).join(' ')}; ${USAGE.trim()}`);
  }
  const program = buildCheck();
  return option === '--emulate' ? await emulate(program) : await run(program, [], { stdio: ['ignore', 'inherit', 'inherit'] });
});
