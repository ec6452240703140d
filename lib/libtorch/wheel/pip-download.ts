import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../folders.ts';
import type { Pin } from '../pins.ts';
import { pythonCommand } from '../python.ts';
import { parseWheelName } from './wheel-name.ts';

const MANYLINUX = [...Array.from({ length: 24 }, (_, i) => `manylinux_2_${28 - i}`), 'manylinux2014'];

/**
 * The last way: an index that only pip can reach, by its certificates, keyring or settings. Gives the path of a whole wheel in `folder`,
 * undefined where there is no pip or it fails too.
 */
export async function downloadWithPip(
  pin: Pin,
  folder: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (env.HYPERFIT_NO_PYTHON) return undefined;
  rmSync(folder, { recursive: true, force: true });
  await makeFolder(folder);
  const platforms = MANYLINUX.flatMap((name) => ['--platform', `${name}_${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}`]);
  const python = ['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--abi', 'abi3', '--abi', 'none'];
  const args = [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-input',
    '--no-deps',
    '--only-binary=:all:',
    ...python,
    ...platforms,
    '--dest',
    folder,
  ];
  await run(pythonCommand(env), [...args, `${pin.name}==${pin.version}`], env, signal);
  signal?.throwIfAborted();
  const wheel = existsSync(folder) ? readdirSync(folder).find((name) => parseWheelName(name) !== undefined) : undefined;
  if (wheel === undefined) rmSync(folder, { recursive: true, force: true });
  return wheel && join(folder, wheel);
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const child = spawn(command, args, { env, stdio: 'ignore', ...(signal === undefined ? {} : { signal }) });
    child.on('error', () => resolve()).on('close', () => resolve());
  });
}
