// What a steady training step and a steady token ask of libtorch, as the operator log sees it. Used by `npm run operators` over dist/ and
// by the test of the budgets over lib/, which is why both hand in their Model and Optimizer.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partByLayer, subtract } from './counts.mjs';

const WARM_UP = 2;
const MEASURED = 3;
const PROMPT_LENGTH = 6;
const RAGGED_LENGTH = 4;
/** Beyond the tiny models' windows, so that those bite. */
const FIRST_COUNTED_TOKEN = 8;

const countUp = (count) => Array.from({ length: count }, (_, index) => 3 + (index % 8));

/** `config` with its layers `times` over. */
function repeatLayers(config, times) {
  const key = 'n_layer' in config ? 'n_layer' : 'num_hidden_layers';
  const types = config.layer_types && { layer_types: Array.from({ length: times }, () => config.layer_types).flat() };
  return { ...config, [key]: times * config[key], ...types };
}

const layersOf = (config) => config.n_layer ?? config.num_hidden_layers;

/** Counts of single training steps after two for warming up: forward, loss, backward, gradient norm, clipping, update. */
export async function countSteps({ Optimizer, log }, model, { lora } = {}) {
  const [batchSize, sequenceLength] = [2, PROMPT_LENGTH];
  const tokens = Int32Array.from(countUp(batchSize * sequenceLength));
  const batch = { tokens, targets: tokens, batchSize, sequenceLength };
  const optimizer = new Optimizer(model, { lora });
  const counts = [];
  for (let step = 0; step < WARM_UP + MEASURED; step++) {
    log.start();
    const { tokenCount } = await model.forwardBackward(batch);
    await optimizer.step({ learningRate: 1e-3, gradScale: 1 / tokenCount, maxGradNorm: 1 });
    counts.push(log.stop());
  }
  optimizer.dispose();
  return counts.slice(WARM_UP);
}

/** Counts of single greedy tokens of two rows; each is what a generation of one token more costs. Of `ragged` rows one is shorter. */
export async function countTokens({ log }, model, { ragged = false } = {}) {
  const prompts = [countUp(PROMPT_LENGTH), countUp(ragged ? RAGGED_LENGTH : PROMPT_LENGTH)];
  const generate = async (maxNewTokens) => {
    log.start();
    await model.generate(prompts, { maxNewTokens, stopIds: [] });
    return log.stop();
  };
  const longest = FIRST_COUNTED_TOKEN + MEASURED;
  for (let time = 0; time < WARM_UP; time++) await generate(longest);
  const counts = [];
  for (let tokens = FIRST_COUNTED_TOKEN; tokens <= longest; tokens++) counts.push(await generate(tokens));
  return counts.slice(1).map((count, index) => subtract(count, counts[index]));
}

/** `count` of a model with random weights, made of `config` in a folder that is gone afterwards. */
async function withRandomModel({ Model, initializeModel, setKernels }, config, { computeDtype, kernels }, count) {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-operators-'));
  setKernels(kernels);
  try {
    await initializeModel(folder, config);
    const model = await Model.load(folder, { computeDtype });
    try {
      return await count(model);
    } finally {
      model.dispose();
    }
  } finally {
    setKernels(true);
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Costs of a steady step or token, parted into what a layer costs and what comes beside the layers, by comparing `config` with itself of
 * twice as many layers. `once` and `twice` keep the counts of each measured step or token, which should be equal.
 * @param count `countSteps` or `countTokens`; `options` are its own, `computeDtype` and `kernels`
 */
export async function measure(library, config, count, options) {
  const run = (times) => withRandomModel(library, repeatLayers(config, times), options, (model) => count(library, model, options));
  const once = await run(1);
  const twice = await run(2);
  return { ...partByLayer(once.at(-1), twice.at(-1), layersOf(config)), once, twice };
}
