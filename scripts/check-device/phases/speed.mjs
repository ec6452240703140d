import { Optimizer } from '../../../dist/index.mjs';
import { cardName, freeMemory, isCuda, peakMemory, statedPeaks } from '../card.mjs';
import { batchOf, randomRows } from '../models.mjs';
import { linearProducts, measuredPeaks, timed, waitFor } from '../products.mjs';
import { layersThatFit, parameterCount, productsOf, randomModel, SHAPES } from '../shapes.mjs';

const BYTES = { float32: 4, bfloat16: 2 };
const LEAST_LAYERS = 4;
/** The guarded device computes slowly: what it shows, a few layers show. */
const GUARDED_LAYERS = 4;
/** Beyond this the last figures may not be written before the limit. */
const SPARE_MS = 8000;

const ON_A_CARD = { batch: 8, length: 256, steps: 4, rounds: 4, prompt: 32, newTokens: 64, rows: [1, 32] };
const ELSEWHERE = { batch: 1, length: 32, steps: 1, rounds: 2, prompt: 8, newTokens: 6, rows: [1] };

/** Milliseconds a step and tokens a second at the shape of a real model (`argument`), beside its matrix products alone, in turn. */
export async function run(context) {
  const { settings, argument, results } = context;
  const { device } = settings;
  if (!isCuda(device) && argument !== 'SmolLM2-135M') return results.notHere('this shape is for a card');
  const whole = SHAPES[argument];
  const plan = isCuda(device) && !settings.quick ? ON_A_CARD : ELSEWHERE;
  const most = settings.quick ? 2 : device.startsWith('guard') ? GUARDED_LAYERS : whole.num_hidden_layers;
  const layers = Math.min(most, layersThatFit(whole, freeMemory(device) ?? 0));
  if (layers < Math.min(LEAST_LAYERS, whole.num_hidden_layers) && !settings.quick)
    return results.notHere(`too little free memory for ${LEAST_LAYERS} layers`);
  const config = { ...whole, num_hidden_layers: layers };
  results.figure('layers', layers, `of ${whole.num_hidden_layers}`, { weights: parameterCount(config) });
  for (const dtype of argument === 'SmolLM2-135M' ? ['bfloat16', 'float32'] : ['bfloat16']) {
    await results.tries(`${argument} ${dtype}`, () => measureType({ ...context, config, plan, dtype, device }));
  }
}

async function measureType(context) {
  const { config, dtype, device, results } = context;
  const peaks = measuredPeaks(device, dtype, context.plan === ON_A_CARD);
  results.figure(`${dtype}: one large product`, peaks.tflops, 'TFLOPS', shares(dtype, device, { tflops: peaks.tflops }));
  results.figure(`${dtype}: one large copy`, peaks.bandwidth, 'TB/s', shares(dtype, device, { bandwidth: peaks.bandwidth }));
  results.figure(`${dtype}: one small call`, peaks.callMicroseconds, 'us');
  const started = performance.now();
  const model = await randomModel(config, { device, computeDtype: dtype });
  waitFor(device);
  results.figure(`${dtype}: loading`, (performance.now() - started) / 1000, 's');
  try {
    await measureTraining({ ...context, model, peaks });
    for (const rows of context.plan.rows) await measureDecoding({ ...context, model, peaks, rows });
    const bytes = peakMemory(device);
    if (bytes !== undefined)
      results.figure(`${dtype}: peak memory`, bytes / 2 ** 30, 'GiB', {
        ofWeightsGradientsAndMoments: round((16 * parameterCount(config)) / 2 ** 30),
      });
  } finally {
    model.dispose();
  }
}

async function measureTraining({ model, config, plan, dtype, device, peaks, results, deadline }) {
  const tokens = plan.batch * plan.length;
  const batch = batchOf(randomRows(7, plan.batch, plan.length, config.vocab_size));
  const optimizer = new Optimizer(model);
  const products = linearProducts(productsOf(config), tokens, { device, dtype, backward: true });
  const step = async () => {
    const tokenCount = batch.targets.filter((target) => target >= 0).length;
    const { lossSums } = await optimizer.trainStep([batch], { learningRate: 1e-5, gradScale: 1 / tokenCount });
    return lossSums[0] / tokenCount;
  };
  try {
    const losses = [await step(), await step()];
    products.run();
    const rounds = await inTurn(plan, deadline, {
      step: () => averageOf(plan.steps, device, async () => losses.push(await step())),
      products: () => timed(device, products.run),
    });
    const flops = 6 * tokens * productsOf(config).reduce((sum, [outputs, inputs, times]) => sum + outputs * inputs * times, 0);
    const milliseconds = median(rounds.step.map((one) => one.milliseconds));
    const tflops = flops / milliseconds / 1e9;
    const floor = median(rounds.products);
    results.figure(`${dtype}: a training step of ${plan.batch} x ${plan.length}`, milliseconds, 'ms', {
      range: range(rounds.step.map((one) => one.milliseconds)),
      tokensPerSecond: Math.round((1000 * tokens) / milliseconds),
      tflops: round(tflops),
      ...shares(dtype, device, { tflops }),
      ofMeasuredPeak: percent(tflops / peaks.tflops),
      hostMilliseconds: round(median(rounds.step.map((one) => one.host))),
    });
    results.figure(`${dtype}: its matrix products alone`, floor, 'ms', {
      range: range(rounds.products),
      stepTakesTimes: round(milliseconds / floor),
      tflops: round(flops / floor / 1e9),
    });
    results.holds(`${dtype}: losses fall`, losses.every(Number.isFinite) && losses.at(-1) < losses[0], {
      first: round(losses[0]),
      last: round(losses.at(-1)),
    });
  } finally {
    products.dispose();
    optimizer.dispose();
    await model.zeroGradients();
  }
}

async function measureDecoding({ model, config, plan, dtype, device, peaks, rows, results, deadline }) {
  const prompts = randomRows(8, rows, plan.prompt, config.vocab_size);
  const products = linearProducts(productsOf(config), rows, { device, dtype });
  try {
    await tokenTime(model, prompts, 4);
    products.run();
    const rounds = await inTurn(plan, deadline, {
      token: () => tokenTime(model, prompts, plan.newTokens),
      told: () => toldTokenTime(model, prompts, plan.newTokens),
      products: () => timed(device, products.run),
    });
    const bytes = BYTES[dtype] * productsOf(config).reduce((sum, [outputs, inputs, times]) => sum + outputs * inputs * times, 0);
    const milliseconds = median(rounds.token);
    const bandwidth = bytes / milliseconds / 1e9;
    results.figure(`${dtype}: a token of ${rows} row${rows === 1 ? '' : 's'}`, milliseconds, 'ms', {
      range: range(rounds.token),
      tokensPerSecond: Math.round((1000 * rows) / milliseconds),
      weightsRead: `${round(bandwidth)} TB/s`,
      ...shares(dtype, device, { bandwidth }),
      ofMeasuredPeak: percent(bandwidth / peaks.bandwidth),
      toldAsItComes: `${round(median(rounds.told))} ms`,
    });
    results.figure(`${dtype}: its matrix products alone`, median(rounds.products), 'ms', {
      range: range(rounds.products),
      tokenTakesTimes: round(milliseconds / median(rounds.products)),
    });
  } finally {
    products.dispose();
  }
}

/** Milliseconds a token after the first, whose pass over the prompt is another thing; ids are read many tokens at a time. */
async function tokenTime(model, prompts, newTokens) {
  const [first, all] = [await generationTime(model, prompts, 1), await generationTime(model, prompts, newTokens)];
  return (all - first) / (newTokens - 1);
}

async function generationTime(model, prompts, maxNewTokens) {
  const started = performance.now();
  await model.generate(prompts, { maxNewTokens, stopIds: [] });
  return performance.now() - started;
}

/** The same, of tokens that are read one by one. */
async function toldTokenTime(model, prompts, newTokens) {
  const times = [];
  await model.generate(prompts, { maxNewTokens: newTokens, stopIds: [], onToken: (row) => row === 0 && times.push(performance.now()) });
  return (times.at(-1) - times[0]) / (times.length - 1);
}

async function averageOf(count, device, work) {
  const [started, before] = [performance.now(), process.cpuUsage()];
  for (let i = 0; i < count; i++) await work();
  waitFor(device);
  const { user, system } = process.cpuUsage(before);
  return { milliseconds: (performance.now() - started) / count, host: (user + system) / 1000 / count };
}

/** Each contender once a round: what changes on the machine meanwhile changes for all of them. */
async function inTurn({ rounds }, deadline, contenders) {
  const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let i = 0; i < rounds && (i === 0 || performance.now() < deadline - SPARE_MS); i++) {
    for (const [name, measure] of Object.entries(contenders)) found[name].push(await measure());
  }
  return found;
}

/** Of what the maker of the card states, where the card is known. */
function shares(dtype, device, { tflops, bandwidth }) {
  const stated = statedPeaks(cardName(device));
  if (stated === undefined) return {};
  return { ofStatedPeak: percent(tflops === undefined ? bandwidth / stated.bandwidth : tflops / stated[dtype]) };
}

const round = (value) => Number(value.toPrecision(4));
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const range = (values) => `${round(Math.min(...values))} to ${round(Math.max(...values))}`;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
