import type { Command } from 'commander';
import { addOutputOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface BuildFlags extends OutputOptions {
  libtorch?: string;
  compiler?: string;
  anySeries?: boolean;
}

export function addBuildCommand(program: Command): void {
  const command = program
    .command('build')
    .description(
      'Compile the addon from the sources in this package, where no prebuilt file fits: some minutes, with cmake and a C++20 compiler.',
    )
    .option('--libtorch <path>', 'a torch folder with its headers; default the one that would be used')
    .option('--compiler <program>', 'g++ 11 or newer, or clang++ 14 or newer; default CXX, else what cmake finds')
    .option('--any-series', 'also against a libtorch that hyperfit was never tried with')
    .addHelpText('after', '\nExample:\n  hyperfit build --libtorch ~/venv/lib/python3.12/site-packages/torch');
  addOutputOptions(command).action(async (flags: BuildFlags) => (await import('../actions/build.ts')).build(flags));
}
