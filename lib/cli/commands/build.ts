import type { Command } from 'commander';
import { buildAddon, type BuildEvent } from '../../libtorch/build-addon.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface BuildFlags extends OutputOptions {
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
  addOutputOptions(command).action(async ({ libtorch, compiler, anySeries, ...rest }: BuildFlags) => {
    const output = new Output(rest);
    const built = await buildAddon({ libtorch, compiler, anySeries, onProgress: (event) => output.log(progressText(event)) });
    output.result({ schemaVersion: 1, ...built }, () => `addon for libtorch ${built.libtorch.series} at ${built.addon}`);
  });
}

function progressText(event: BuildEvent): string {
  if (event.event === 'compiled') return `${event.done} of ${event.total}`;
  return `compiling against libtorch ${event.libtorch.version} in ${event.libtorch.path}`;
}
