import type { Command } from 'commander';
import { libtorchInfo, renderLibtorchInfo } from '../../libtorch/info.ts';
import { installLibtorch } from '../../libtorch/install.ts';
import { installProgress } from '../../libtorch/progress.ts';
import { EXIT } from '../exit-codes.ts';
import { addOutputOptions } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

export function addLibtorchCommand(program: Command): void {
  const group = program.command('libtorch').description('Find or install the library that computes.').addHelpText('after', '\nExample:\n  hyperfit libtorch install');
  addInstall(group);
  addInfo(group);
}

function addInstall(group: Command): void {
  const command = group
    .command('install')
    .description('Fetch the pinned libtorch through pip into the cache of this user; only what is needed, hashes checked.')
    .option('--cuda', 'the full set for NVIDIA GPUs, about 2.5 GB to download instead of 145 MB')
    .addHelpText('after', '\nExample:\n  hyperfit libtorch install');
  addOutputOptions(command).action(async (options: OutputOptions & { cuda?: boolean }) => {
    const output = new Output(options);
    const progress = installProgress(process.stderr);
    const libtorch = await installLibtorch({ cuda: options.cuda ?? false, onProgress: output.quiet ? () => {} : progress });
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
