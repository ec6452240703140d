import type { Command } from 'commander';
import { HyperfitError } from '../../errors.ts';
import { libtorchInfo, renderLibtorchInfo } from '../../libtorch/info.ts';
import { installedSize, installLibtorch, installSize } from '../../libtorch/install.ts';
import { PINNED_SERIES, TORCH_SERIES } from '../../libtorch/pins.ts';
import { installProgress, megabytes } from '../../libtorch/progress.ts';
import { EXIT } from '../exit-codes.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

export function addLibtorchCommand(program: Command): void {
  const group = program
    .command('libtorch')
    .description('Find or install the library that computes.')
    .addHelpText('after', '\nExample:\n  hyperfit libtorch install');
  addInstall(group);
  addInfo(group);
}

interface InstallFlags extends OutputOptions {
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
  addOutputOptions(command).action(async ({ cpu, cuda, series, from, index, ...rest }: InstallFlags) => {
    if (cpu && cuda) throw new HyperfitError('ERR_CONFIG', 'expected --cpu or --cuda, got both; the full set computes on the CPU too');
    const output = new Output(rest);
    const onProgress = output.quiet ? undefined : installProgress(process.stderr);
    const libtorch = await installLibtorch({ cuda, series, from, index, onProgress });
    output.result({ schemaVersion: 1, ...libtorch }, () => `libtorch ${libtorch.version ?? ''} at ${libtorch.path}`);
  });
}

function addInfo(group: Command): void {
  const command = group
    .command('info')
    .description('Say which libtorch is used and where it was looked for.')
    .option('--libtorch <path>', 'look at this torch folder instead of searching')
    .addHelpText('after', '\nExample:\n  hyperfit libtorch info --json');
  addOutputOptions(command).action((options: OutputOptions & { libtorch?: string }) => {
    const info = libtorchInfo({ libtorch: options.libtorch });
    new Output(options).result({ schemaVersion: 1, ...info }, () => renderLibtorchInfo(info));
    if (!info.found) process.exitCode = EXIT.missing;
  });
}
