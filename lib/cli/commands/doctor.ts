import type { Command } from 'commander';
import { addOutputOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface DoctorOptions extends OutputOptions {
  libtorch?: string;
}

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('Say what hyperfit found here: Node, libtorch, addon, devices, threads, cache.')
    .option('--libtorch <path>', 'look at this torch folder instead of searching')
    .addHelpText('after', '\nExample:\n  hyperfit doctor --json');
  addOutputOptions(command).action(async (options: DoctorOptions) => (await import('../actions/doctor.ts')).examine(options));
}
