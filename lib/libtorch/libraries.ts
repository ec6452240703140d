import { basename } from 'node:path';
import { HyperfitError } from '../errors.ts';
import type { Preloader } from './open.ts';
import { packageOfLibrary } from './pins.ts';

export const INSTALL_CUDA = 'run `npx hyperfit libtorch install --cuda` on a machine with an NVIDIA driver';

/** Opens libraries, and keeps the linker's words for those that could not be. */
export class Libraries {
  readonly notes: string[] = [];
  readonly #preloader: Preloader;
  readonly #nvidia: readonly string[];

  constructor(preloader: Preloader, nvidia: readonly string[]) {
    this.#preloader = preloader;
    this.#nvidia = nvidia;
  }

  /** One that others will look for by name, when it is here. Whether they miss it shows when they are opened. */
  openAhead(name: string): void {
    const path = this.#nvidia.find((candidate) => basename(candidate).startsWith(`lib${name}.so`));
    const reason = path === undefined ? null : this.#preloader.open(path);
    if (reason !== null) this.notes.push(reason);
  }

  /** @throws HyperfitError ERR_LIBTORCH_LOAD */
  open(path: string): void {
    const failure = this.tryOpen(path);
    if (failure !== null)
      throw new HyperfitError('ERR_LIBTORCH_LOAD', `expected to open ${path}, got ${failure.reason}; ${failure.remedy}`);
  }

  tryOpen(path: string): { reason: string; remedy: string } | null {
    const words = this.#preloader.open(path);
    if (words === null) return null;
    const missing = /^(\S+\.so\S*): cannot open shared object/.exec(words)?.[1];
    const reason = [words, ...this.notes].map((text) => `"${text}"`).join('; before it ');
    return { reason, remedy: remedyFor(missing === undefined ? null : basename(missing), path) };
  }
}

function remedyFor(missing: string | null, path: string): string {
  const wheel = missing === null ? null : packageOfLibrary(missing);
  const install = `run \`npx hyperfit libtorch install${basename(path).includes('cuda') ? ' --cuda' : ''}\``;
  return wheel === null
    ? `${install} for a complete libtorch in place of ${path}`
    : `${missing} is in another package: \`pip install ${wheel}\`, or ${install}`;
}
