import type { Command } from 'commander';
import { addOutputOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export function addReportCommand(program: Command): void {
  const command = program
    .command('report')
    .description('Write report.html anew from the files of a run, finished or not.')
    .argument('<run>', 'the folder of a run')
    .addHelpText('after', '\nExample:\n  hyperfit report runs/novel');
  addOutputOptions(command).action(async (run: string, options: OutputOptions) =>
    (await import('../actions/report.ts')).report(run, options),
  );
}
