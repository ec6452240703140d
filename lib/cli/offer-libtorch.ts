import { existsSync } from 'node:fs';
import { cacheFolder } from '../libtorch/cache-folder.ts';
import { searchLibtorch } from '../libtorch/find.ts';
import { installLibtorch } from '../libtorch/install.ts';
import { installedSize, installSize } from '../libtorch/install-size.ts';
import { TORCH_VERSION } from '../libtorch/pins.ts';
import { installProgress, megabytes } from '../libtorch/progress.ts';
import { askHere, isInteractive } from './ask.ts';

/**
 * For a command that failed since there is no libtorch: asks whether to install it, and does. True when the command is worth another try.
 * Nobody is asked in CI, in a pipe, or where `LIBTORCH` names a folder: what the user named is final.
 * @throws HyperfitError as `installLibtorch`
 */
export async function offerLibtorch(): Promise<boolean> {
  if (!isInteractive() || process.env['LIBTORCH']) return false;
  if (process.platform !== 'linux' || process.arch !== 'x64' || searchLibtorch().libtorch !== undefined) return false;
  const hasCard = existsSync('/dev/nvidia0');
  const answer = (await askHere(question(hasCard)))?.toLowerCase();
  const cuda = hasCard && answer === 'cuda';
  if (answer === undefined || !(cuda || ['', 'y', 'yes', 'cpu'].includes(answer))) return false;
  await installLibtorch({ cuda, onProgress: installProgress(process.stderr) });
  return true;
}

function question(hasCard: boolean): string {
  const size = (cuda: boolean): string => `${megabytes(installSize(cuda))} to download, ${megabytes(installedSize(cuda))} on disk`;
  const what = `hyperfit computes with libtorch, and found none here.\nInstall libtorch ${TORCH_VERSION} into ${cacheFolder()}? For the CPU: ${size(false)}`;
  return hasCard ? `${what}; for your NVIDIA card: ${size(true)}. [Y = CPU / cuda / n] ` : `${what}. [Y/n] `;
}
