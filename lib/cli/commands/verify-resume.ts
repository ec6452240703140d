import type { Command } from 'commander';
import { addOutputOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface VerifyOptions extends OutputOptions {
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
    .addHelpText(
      'after',
      `
Nothing of the run is changed. Where it has a checkpoint of the last of these steps, that one is compared too.
Ends with 1 when a bit differs.

Example:
  hyperfit verify-resume runs/novel --from 250 --steps 10`,
    )
    .action(async (run: string, options: VerifyOptions) => (await import('../actions/verify-resume.ts')).verify(run, options));
}
