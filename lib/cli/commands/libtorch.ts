import type { Command } from 'commander';
import { installedSize, installSize } from '../../libtorch/install-size.ts';
import { PINNED_SERIES, TORCH_SERIES } from '../../libtorch/pins.ts';
import { megabytes } from '../../libtorch/progress.ts';
import { addOutputOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export function addLibtorchCommand(program: Command): void {
  const group = program
    .command('libtorch')
    .description('Find or install the library that computes.')
    .addHelpText('after', '\nExample:\n  hyperfit libtorch install');
  addInstall(group);
  addInfo(group);
}

export interface InstallFlags extends OutputOptions {
  cpu?: boolean;
  cuda?: boolean;
  series?: string;
  from?: string;
  index?: string;
}

function addInstall(group: Command): void {
  const sizes = (cuda: boolean): string => `${megabytes(installSize(cuda))} to download, ${megabytes(installedSize(cuda))} on disk`;
  const command = group
    .command('install')
    .description('Fetch a pinned libtorch into the cache of this user: only the files that are needed, each checked. No Python takes part.')
    .option('--cpu', `for the CPU alone, the default: ${sizes(false)}`)
    .option('--cuda', `the full set, for NVIDIA GPUs: ${sizes(true)}`)
    .option('--series <series>', `one of ${PINNED_SERIES.join(', ')}; default ${TORCH_SERIES}`)
    .option('--from <path>', 'take the wheels in this folder, or this torch wheel and those beside it, in place of the network')
    .option('--index <url>', 'a simple package index; default HYPERFIT_INDEX_URL, else the one pip is set to')
    .addHelpText('after', '\nExample:\n  hyperfit libtorch install\n  hyperfit libtorch install --series 2.15 --from ./wheels');
  addOutputOptions(command).action(async (flags: InstallFlags) => (await import('../actions/libtorch.ts')).install(flags));
}

export interface InfoFlags extends OutputOptions {
  libtorch?: string;
}

function addInfo(group: Command): void {
  const command = group
    .command('info')
    .description('Say which libtorch is used and where it was looked for.')
    .option('--libtorch <path>', 'look at this torch folder instead of searching')
    .addHelpText('after', '\nExample:\n  hyperfit libtorch info --json');
  addOutputOptions(command).action(async (flags: InfoFlags) => (await import('../actions/libtorch.ts')).info(flags));
}
