import type { Command } from 'commander';
import { verifyResume, type ResumeCheck } from '../../run/verify-resume.ts';
import { EXIT } from '../exit-codes.ts';
import { addOutputOptions, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface VerifyOptions extends OutputOptions {
  steps: number;
  from?: number;
}

export function addVerifyResumeCommand(program: Command): void {
  const command = program
    .command('verify-resume <run>')
    .description('Prove that a run goes on to the bit: train some steps from a checkpoint twice, and compare weights, moments and state.')
    .option('--steps <N>', 'steps to train, twice', wholeNumber(1), 3)
    .option('--from <step>', 'step of the checkpoint to go on from (default: the newest)', wholeNumber(1));
  addOutputOptions(command)
    .addHelpText('after', `
Nothing of the run is changed. Where it has a checkpoint of the last of these steps, that one is compared too.
Ends with 1 when a bit differs.

Example:
  hyperfit verify-resume runs/novel --from 250 --steps 10`)
    .action(async (run: string, { steps, from, ...options }: VerifyOptions) => {
      const output = new Output(options);
      const check = await verifyResume(run, { steps, from, onStep: ({ attempt, step, loss }) => output.log(`${attempt} of 2: step ${step}, loss ${loss.toFixed(4)}`) });
      output.result({ schemaVersion: 1, ...check }, () => renderCheck(check));
      if (!check.isEqual) process.exitCode = EXIT.failed;
    });
}

function renderCheck({ checkpoint, fromStep, toStep, differing, stored }: ResumeCheck): string {
  const twice = differing.length === 0 ? 'equal to the bit' : `NOT equal: ${differing.join(', ')} differ`;
  const own = stored === null ? '' : `\nbeside ${stored.path}: ${stored.differing.length === 0 ? 'equal to the bit' : `NOT equal: ${stored.differing.join(', ')} differ`}`;
  return `steps ${fromStep + 1} to ${toStep} from ${checkpoint}, twice: ${twice}${own}`;
}
