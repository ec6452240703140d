import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { cacheFolder } from '../libtorch/cache-folder.ts';
import { searchLibtorch } from '../libtorch/find.ts';
import { installedSize, installLibtorch, installSize } from '../libtorch/install.ts';
import { TORCH_VERSION } from '../libtorch/pins.ts';
import { installProgress, megabytes } from '../libtorch/progress.ts';

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

/** Whether somebody is there to answer: a terminal on every side, and no build machine. */
function isInteractive(environment: NodeJS.ProcessEnv = process.env): boolean {
  const isCi = !['', '0', 'false'].includes(environment['CI'] ?? '');
  return !isCi && environment['TERM'] !== 'dumb' && [process.stdin, process.stdout, process.stderr].every((stream) => stream.isTTY === true);
}

/** Asks on stderr; undefined when the answer is Ctrl-C or Ctrl-D. */
async function askHere(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise((resolve) => {
      lines.on('close', () => resolve(undefined)).on('SIGINT', () => lines.close());
      lines.question(question, (answer) => resolve(answer.trim()));
    });
  } finally {
    lines.close();
  }
}
