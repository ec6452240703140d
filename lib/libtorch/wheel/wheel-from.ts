import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { HyperfitError } from '../../errors.ts';
import type { Pin } from '../pins.ts';
import { seriesOf, readTorchFolder } from '../torch-folder.ts';
import { LocalFile } from './byte-source.ts';
import { parseWheelName, servesHere } from './wheel-name.ts';
import { IntegrityError, sha256Of, type WheelContext, type WheelSource } from './wheel-source.ts';

/**
 * The pins as far as the wheels in `from` need them: torch for the CPU alone, as PyTorch's own index has it, wants nothing of NVIDIA's.
 * @throws HyperfitError ERR_LIBTORCH_INSTALL where a wheel is missing, with the command that fetches it
 */
export function torchBehind(from: string, pins: readonly Pin[]): readonly Pin[] {
  const torch = pins.find(({ name }) => name === 'torch');
  const wheel = torch && findWheel(from, torch);
  const needed =
    wheel !== undefined && /\+cpu$/.test(decodeURIComponent(wheel.version)) ? pins.filter(({ name }) => name === 'torch') : pins;
  const missing = needed.filter((pin) => findWheel(from, pin) === undefined);
  if (missing.length === 0) return needed;
  const names = missing.map(({ name, version, file }) => file ?? `${name} ${version}`).join(', ');
  const command = `pip download --no-deps ${missing.map(({ name, version }) => `${name}==${version}`).join(' ')}`;
  throw new HyperfitError(
    'ERR_LIBTORCH_INSTALL',
    `nothing was installed: expected ${names} in ${folderOf(from)}, got none; ${remedyFor(from) ?? `run \`${command}\` on a Linux machine with a network`}`,
  );
}

/** Wheels out of a folder: the pinned file has to be the pinned one, another of the same series is held against its own RECORD. */
export function openFrom(from: string): (pin: Pin, context: WheelContext) => Promise<WheelSource> {
  return async (pin, { options, note }) => {
    const { path } = findWheel(from, pin)!;
    const isPinned = basename(path) === pin.file;
    if (isPinned && (await sha256Of(path, options.signal)) !== pin.sha256)
      throw new IntegrityError(`expected sha256 ${pin.sha256} for ${path}, got another`);
    if (!isPinned)
      note(
        `${basename(path)} is not the pinned wheel${pin.file === undefined ? '' : ` (${pin.file})`}: its files are held against its own list alone`,
      );
    return { source: new LocalFile(path), discard: () => {}, isOwn: !isPinned };
  };
}

function findWheel(from: string, pin: Pin): { path: string; version: string } | undefined {
  const folder = folderOf(from);
  const names = existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : [];
  const fits = names.flatMap((name) => {
    const wheel = parseWheelName(name);
    if (wheel === undefined || wheel.name !== pin.name || !isLinux(wheel.tags)) return [];
    return seriesOf(wheel.version) === seriesOf(pin.version) || wheel.version === pin.version
      ? [{ path: join(folder, name), version: wheel.version }]
      : [];
  });
  const asked = fits.find(({ path }) => path === resolve(from));
  return asked ?? fits.find(({ path }) => basename(path) === pin.file) ?? fits[0];
}

/** What is taken out of a wheel is no Python, so that any version of it will do. */
function isLinux(tags: string): boolean {
  return servesHere(tags.replace(/^cp\d+-cp\d+t?-/, 'cp311-cp311-'));
}

function folderOf(from: string): string {
  return from.endsWith('.whl') ? dirname(resolve(from)) : resolve(from);
}

/** Someone may give what is unpacked already. */
function remedyFor(from: string): string | undefined {
  const torch = [from, join(from, 'torch')].find((path) => existsSync(path) && typeof readTorchFolder(path) !== 'string');
  return torch === undefined ? undefined : `${torch} is a libtorch that can be used as it is: set LIBTORCH=${torch}`;
}
