import { runFolder } from '../../run/run-folder.ts';
import { writeRunReport } from '../../run/run-report.ts';
import { Output, type OutputOptions } from '../output.ts';

export async function report(run: string, options: OutputOptions): Promise<void> {
  const page = await writeRunReport(runFolder(run));
  new Output(options).result({ schemaVersion: 1, report: page }, () => page);
}
