import { HyperfitError } from '../../errors.ts';
import { libtorchInfo, renderLibtorchInfo } from '../../libtorch/info.ts';
import { installLibtorch } from '../../libtorch/install.ts';
import { installProgress } from '../../libtorch/progress.ts';
import type { InfoFlags, InstallFlags } from '../commands/libtorch.ts';
import { EXIT } from '../exit-codes.ts';
import { Output } from '../output.ts';

export async function install({ cpu, cuda, series, from, index, ...rest }: InstallFlags): Promise<void> {
  if (cpu && cuda) throw new HyperfitError('ERR_CONFIG', 'expected --cpu or --cuda, got both; the full set computes on the CPU too');
  const output = new Output(rest);
  const onProgress = output.quiet ? undefined : installProgress(process.stderr);
  const libtorch = await installLibtorch({ cuda, series, from, index, onProgress });
  output.result({ schemaVersion: 1, ...libtorch }, () => `libtorch ${libtorch.version ?? ''} at ${libtorch.path}`);
}

export function info({ libtorch, ...rest }: InfoFlags): void {
  const found = libtorchInfo({ libtorch });
  new Output(rest).result({ schemaVersion: 1, ...found }, () => renderLibtorchInfo(found));
  if (!found.found) process.exitCode = EXIT.missing;
}
