import type { Command } from 'commander';
import { doctor, renderDoctor } from '../../doctor.ts';
import { EXIT } from '../exit-codes.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('Say what hyperfit found here: Node, libtorch, addon, devices, threads, cache.')
    .option('--libtorch <path>', 'look at this torch folder instead of searching')
    .addHelpText('after', '\nExample:\n  hyperfit doctor --json');
  addOutputOptions(command).action((options: OutputOptions & { libtorch?: string }) => {
    const report = doctor(options.libtorch === undefined ? {} : { libtorch: options.libtorch });
    new Output(options).result({ schemaVersion: 1, ...report }, () => renderDoctor(report));
    if (!report.ok) process.exitCode = EXIT.missing;
  });
}
