// What every benchmark needs: the addon, the model as a Hugging Face folder in the cache (so that all read the same
// weights), a Python with the pinned peers, and tokens of real text.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAll } from '../../scripts/setup.mjs';
import { root, SetupError } from '../../scripts/steps/log.mjs';

export async function prepare() {
  const { libtorch, model } = await ensureAll();
  process.env.LIBTORCH = libtorch;
  const { cacheFolder, Model, readMobyDick } = await import('hyperfit');
  const folder = join(cacheFolder(), 'bench');
  mkdirSync(folder, { recursive: true });
  const weights = await exportWeights(join(folder, 'SmolLM2-135M-float32'), model, Model);
  const tokens = await exportTokens(join(folder, 'moby-dick-ids.json'), weights, { Model, readMobyDick });
  return { weights, tokens, python: ensurePython(), folder };
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

/** The environment of the fixtures: torch and transformers at pinned versions. */
function ensurePython() {
  const done = spawnSync('bash', [join(root, 'scripts', 'fixtures.sh'), 'environment'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (done.status !== 0) throw new SetupError('expected a Python with the pinned peers; see the messages above');
  return done.stdout.trim().split('\n').at(-1);
}

export const readTokens = (path) => JSON.parse(readFileSync(path, 'utf8'));
