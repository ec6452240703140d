import type { Command } from 'commander';
import type { ModelOptions } from '../load-model.ts';
import { addComputingOptions, addOutputOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface PlayOptions extends OutputOptions, Pick<ModelOptions, 'device' | 'computeDtype'> {
  port: number;
  open?: boolean;
}

const AFTER = `
The page is on this machine only. Both models are in memory while it is served.

Example:
  hyperfit play runs/novel --open`;

export function addPlayCommand(program: Command): void {
  const command = addComputingOptions(
    program
      .command('play')
      .description(
        'A page on which the original and the hyperfitted model go on with the same opening side by side: repeats coloured, quotations linked to the training text.',
      )
      .argument('<run>', 'the folder of a run'),
  )
    .option('--port <N>', 'port on 127.0.0.1; 0 takes a free one', wholeNumber(0), 0)
    .option('--open', 'open the page in the browser');
  addOutputOptions(command)
    .addHelpText('after', AFTER)
    .action(async (run: string, options: PlayOptions) => (await import('../actions/play.ts')).play(run, options));
}
