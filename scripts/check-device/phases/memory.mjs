import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { torch } from '../../../dist/index.mjs';
import { initializeModel } from '../../../dist/model.mjs';
import { isCuda } from '../card.mjs';
import { train } from '../measure.mjs';
import { batchOf, idCount, randomRows, tinyModelPath } from '../models.mjs';
import { BOUNDS, relativeDifference } from '../numbers.mjs';
import { subjectOf, withModel } from '../sides.mjs';

/** 2^48 bytes: more than any process can address, so that asking is safe anywhere. */
const TOO_MANY_FLOATS = 2 ** 46;
/** Attention scores of one sequence this long are 2^47 bytes; what a step takes beside them is some hundreds of megabytes. */
const TOO_LONG = { positions: 2 ** 20, heads: 32 };
const BALLAST_FLOATS = [2 ** 30, 2 ** 26, 2 ** 20];

/** Asks for too much, hears ERR_OUT_OF_MEMORY, and goes on with what fits. */
export async function run({ settings, results }) {
  const { device } = settings;
  await refuses(results, 'a tensor of 2^48 bytes', () => torch.zeros([TOO_MANY_FLOATS], { device }));
  const subject = subjectOf(settings);
  const path = tinyModelPath('tiny-text');
  const expected = await withModel(path, subject, 'float32', (model) => train(model, 3));
  if (device === 'cpu') await withLongModel((long) => askTooLong((use) => withModel(long, subject, 'float32', use), results));
  else await withModel(path, subject, 'float32', (model) => trainWithoutRoom({ model, device, expected, results }));
  await withModel(path, subject, 'float32', async (model) => goesOn('another model', await train(model, 3), expected, results));
}

async function refuses(results, name, work) {
  try {
    await work();
    results.holds(`${name} is refused`, false, { got: 'no error' });
  } catch (error) {
    results.holds(`${name} is refused`, error.code === 'ERR_OUT_OF_MEMORY', {
      code: error.code ?? error.name,
      message: String(error.message).slice(0, 300),
    });
  }
}

const goesOn = (name, { losses }, expected, results) =>
  results.atMost(`${name} goes on: losses of 3 steps`, relativeDifference(losses, expected.losses), BOUNDS.float32.losses);

/** Leaves the device hardly any memory, so that work of ordinary size is too large; then there is room again. */
async function trainWithoutRoom({ model, device, expected, results }) {
  const [rows, length] = isCuda(device) ? [512, 200] : [32, 100];
  const large = batchOf(randomRows(5, rows, length, idCount(model)));
  const giveBack = isCuda(device) ? takeAll(device, results) : await limitGuard(device);
  await refuses(results, 'a step without room', () => model.forwardBackward(large));
  await refuses(results, 'text without room', () =>
    model.generate(randomRows(6, rows, length, idCount(model)), { maxNewTokens: 8, stopIds: [] }),
  );
  giveBack();
  await results.tries('the step that was refused', async () => {
    const { tokenCount } = await model.forwardBackward(large);
    results.holds('the step that was refused runs once there is room', tokenCount === rows * (length - 1));
    await model.zeroGradients();
    goesOn('the model that was refused', await train(model, 3), expected, results);
  });
}

/** All of the card but for crumbs. */
function takeAll(device, results) {
  const ballast = [];
  for (const floats of BALLAST_FLOATS) {
    try {
      for (;;) ballast.push(torch.zeros([floats], { device }));
    } catch (error) {
      if (error.code !== 'ERR_OUT_OF_MEMORY') throw error;
    }
  }
  results.figure('taken on purpose', ballast.reduce((sum, { numel }) => sum + 4 * numel, 0) / 2 ** 30, 'GiB');
  return () => ballast.forEach((tensor) => tensor.dispose());
}

/** The guarded device is the machine's own memory, with a limit that can be set. */
async function limitGuard(device) {
  const { guard } = await import('../../../test/stand-ins/preload.mjs');
  guard.setMemoryLimit(guard.memory(device).bytes + 2 ** 16);
  return () => guard.setMemoryLimit(0);
}

/** Where memory is the machine's own, filling it would have the machine end this process: a step too large for any machine instead. */
async function askTooLong(withLong, results) {
  const expected = await withLong((model) => train(model, 3));
  await withLong(async (model) => {
    const batch = batchOf(randomRows(5, 1, TOO_LONG.positions, idCount(model)));
    await refuses(results, 'a step of a million positions', () => model.forwardBackward(batch));
    await results.tries('the model that was refused', async () =>
      goesOn('the model that was refused', await train(model, 3), expected, results),
    );
  });
}

async function withLongModel(use) {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-long-'));
  const { heads, positions } = TOO_LONG;
  const config = {
    model_type: 'llama',
    hidden_act: 'silu',
    hidden_size: 8,
    head_dim: 2,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: heads,
    num_key_value_heads: 1,
    vocab_size: 32,
    max_position_embeddings: positions,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    initializer_range: 0.2,
  };
  try {
    await initializeModel(folder, config);
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
