import type { Command } from 'commander';
import { runFolder } from '../../run/run-folder.ts';
import { writeRunReport } from '../../run/run-report.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

export function addReportCommand(program: Command): void {
  const command = program
    .command('report')
    .description('Write report.html anew from the files of a run, finished or not.')
    .argument('<run>', 'the folder of a run')
    .addHelpText('after', '\nExample:\n  hyperfit report runs/novel');
  addOutputOptions(command).action(async (path: string, options: OutputOptions) => {
    const report = await writeRunReport(runFolder(path));
    new Output(options).result({ schemaVersion: 1, report }, () => report);
  });
}
