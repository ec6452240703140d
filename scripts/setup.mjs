// Everything a fresh clone needs, each step skipped when its result is there:
//   node scripts/setup.mjs              all of it, but for what is only there on demand
//   node scripts/setup.mjs native dist  only these, and what they stand on
//   node scripts/setup.mjs gemma        Gemma 3 270M, a base model (240 MB), under its own terms; on demand
//   node scripts/setup.mjs images       Fashion-MNIST (31 MB), or 5,000 digits where apt has no such package; on demand
//   node scripts/setup.mjs texts        Jane Austen, Wikipedia, news and Moby Dick (5 MB); on demand
//   node scripts/setup.mjs tasks        multiple-choice tasks of BIG-bench (358 MB, 0.6 MB kept); on demand
import { pathToFileURL } from 'node:url';
import { ensureDependencies } from './steps/dependencies.mjs';
import { ensureDist } from './steps/dist.mjs';
import { ensureImages } from './steps/images.mjs';
import { ensureLibtorch } from './steps/libtorch.mjs';
import { runMain, SetupError } from './steps/log.mjs';
import { ensureGemma, ensureModel, findModel } from './steps/model.mjs';
import { ensureNative } from './steps/native.mjs';
import { ensureTasks } from './steps/tasks.mjs';
import { ensureTexts } from './steps/texts.mjs';

const EVERY_TIME = ['dependencies', 'libtorch', 'native', 'dist', 'model'];
export const STEPS = [...EVERY_TIME, 'gemma', 'images', 'texts', 'tasks'];

/**
 * Does the steps asked for, and what they need; with `model: 'optional'` it may be missing afterwards. Gives the libtorch folder and the
 * model's path, where asked for. The demo's text, Moby Dick, is an npm dependency.
 */
export async function ensure({ dependencies = true, libtorch, native, dist, model, gemma, images, texts, tasks } = {}) {
  const done = {};
  if (dependencies) await ensureDependencies();
  if (libtorch || native) done.libtorch = await ensureLibtorch();
  await eachOf([
    async () => native && (await ensureNative(done.libtorch)),
    async () => dist && (await ensureDist()),
    async () => model && (done.model = await (model === 'optional' ? findModel() : ensureModel())),
  ]);
  if (gemma) done.gemma = await ensureGemma();
  if (images) done.images = await ensureImages();
  if (texts) done.texts = await ensureTexts();
  if (tasks) done.tasks = await ensureTasks();
  return done;
}

/** Beside each other, since one computes and another waits for the network; on a terminal in turn, so that what they say stays legible. */
async function eachOf(steps) {
  if (!process.stderr.isTTY) return Promise.all(steps.map((step) => step()));
  for (const step of steps) await step();
}

export async function ensureAll() {
  return ensure(Object.fromEntries(EVERY_TIME.map((step) => [step, true])));
}

async function main() {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !STEPS.includes(name));
  if (unknown.length > 0) throw new SetupError(`expected some of ${STEPS.join(', ')}, got ${unknown.join(', ')}`);
  if (asked.length === 0) await ensureAll();
  else await ensure(Object.fromEntries(asked.map((step) => [step, true])));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await runMain(main);
