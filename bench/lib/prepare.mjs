// What every benchmark needs: the addon, the model as a Hugging Face folder in the cache (so that all read the same
// weights), a Python with the pinned peers, llama.cpp, and tokens of real text.
import {
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureAll } from '../../scripts/setup.mjs';
import { root } from '../../scripts/steps/log.mjs';
import { ensureGgufCopy, ensureLlamaCpp, ensurePython } from './llama.mjs';

export async function prepare() {
  const { libtorch, model: gguf } = await ensureAll();
  process.env.LIBTORCH = libtorch;
  const [{ Model }, { readMobyDick }, { cacheFolder }] = await Promise.all([
    import('hyperfit'),
    import('hyperfit/data'),
    import('hyperfit/libtorch'),
  ]);
  const folder = join(cacheFolder(), 'bench');
  mkdirSync(folder, { recursive: true });
  // Compiled once per machine: what torch.compile costs at first is not the time of a step.
  process.env.TORCHINDUCTOR_CACHE_DIR = join(folder, 'inductor');
  const weights = await exportWeights(join(folder, 'SmolLM2-135M-float32'), gguf, Model);
  const tokens = await exportTokens(join(folder, 'moby-dick-ids.json'), weights, { Model, readMobyDick });
  return {
    weights,
    tokens,
    gguf,
    folder,
    python: ensurePython(),
    eosTokenId: JSON.parse(readFileSync(join(weights, 'config.json'), 'utf8')).eos_token_id,
  };
}

/** llama.cpp with copies of the same weights, by type. */
export function prepareLlama({ folder, gguf, python }, types) {
  const entry = ensureLlamaCpp(folder);
  const files = Object.fromEntries(
    types.map((type) => [type, ensureGgufCopy({ source: gguf, target: join(folder, `SmolLM2-135M.${type}.gguf`), type, python })]),
  );
  return { entry, files };
}

async function exportWeights(target, gguf, Model) {
  if (existsSync(join(target, 'config.json'))) return target;
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const model = await Model.load(gguf);
  await model.save(partial);
  model.dispose();
  renameSync(partial, target);
  return target;
}

async function exportTokens(path, weights, { Model, readMobyDick }) {
  if (existsSync(path)) return path;
  const { train } = await readMobyDick(join(root, 'node_modules', '@stdlib', 'datasets-moby-dick'));
  const model = await Model.load(weights);
  const ids = [];
  for (const { text } of train) ids.push(...(await model.requireTokenizer().encode(text)));
  model.dispose();
  writeFileSync(path, JSON.stringify(ids));
  return path;
}

/** Weights of a float32 model folder, a tied output matrix counted once. */
export function countParameters(weights) {
  const path = join(weights, 'model.safetensors');
  const file = openSync(path, 'r');
  const length = Buffer.alloc(8);
  readSync(file, length, 0, 8, 0);
  closeSync(file);
  return (statSync(path).size - 8 - Number(length.readBigUInt64LE())) / 4;
}

/** Has the operating system hold the file in memory, as after any earlier use. */
export async function readThrough(path) {
  for await (const part of createReadStream(path, { highWaterMark: 1 << 22 })) void part;
}
