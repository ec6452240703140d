import { loadLibtorchModule } from './libtorch.mjs';
import { say } from './log.mjs';

/** SmolLM2-135M-Instruct as GGUF. Gives its path. */
export async function ensureModel() {
  const samples = await loadLibtorchModule();
  return ensureSample(samples, samples.SMOLLM2);
}

/** The same, or undefined: without the model its tests are skipped by name, and everything else can be tested without a network. */
export async function findModel() {
  try {
    return await ensureModel();
  } catch (error) {
    say(`model: ${error.message}; the tests that need it will be skipped`);
    return undefined;
  }
}

/** Gemma 3 270M as GGUF, only where it is asked for by name. Gives its path. */
export async function ensureGemma() {
  say(
    'Gemma is provided under and subject to the Gemma Terms of Use, https://ai.google.dev/gemma/terms: by using the file you accept them. Do not pass it on without them',
  );
  const samples = await loadLibtorchModule();
  return ensureSample(samples, samples.GEMMA3);
}

async function ensureSample(samples, model) {
  const path = samples.samplePath(model);
  if (samples.hasSample(model)) return path;
  say(
    `model ${model.title}: fetching to ${path} (${samples.megabytes(samples.downloadSize(model))} to download, ${samples.megabytes(model.bytes)} on disk)`,
  );
  return samples.fetchSample(model, samples.installProgress());
}
