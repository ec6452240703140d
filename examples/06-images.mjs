// Images instead of text: train a small ImageGPT from scratch until it paints, see its greedy completions degenerate, hyperfit it, see them
// again.
//
//   node examples/06-images.mjs <images> <folder> [--quick]
//
// <images>: an IDX file of 28 x 28 greys; `node scripts/setup.mjs images` fetches Fashion-MNIST and prints its path.
// <folder>: a new one, for the models and the run. About ten minutes on two cores; --quick only shows that everything runs.
import { writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hyperfit, Model, normalizeConfig, run } from 'hyperfit';
import { greyPalette, loadImageSequences, openImages, renderPreprocessor } from 'hyperfit/image';
import { initializeModel } from 'hyperfit/model';

const [path, folder, mode] = process.argv.slice(2);
const full = {
  pretraining: 6000,
  hyperfitting: 64,
  heldOut: 16,
  heldOutFrom: 6128,
  layers: 4,
  width: 128,
  steps: 700,
  batchSize: 16,
  epochs: 120,
};
const settings =
  mode === '--quick'
    ? { ...full, pretraining: 16, hyperfitting: 4, heldOut: 4, heldOutFrom: 24, layers: 1, width: 16, steps: 4, batchSize: 4, epochs: 2 }
    : full;
const SIDE = 14;
const palette = greyPalette(16);

/** Means of 2 x 2 pixels, as the bytes of an IDX file. */
async function shrink(set, from, count) {
  const idx = new Uint8Array(16 + count * SIDE * SIDE);
  [0x803, count, SIDE, SIDE].forEach((value, at) => new DataView(idx.buffer).setUint32(4 * at, value));
  for (let image = 0; image < count; image++) {
    const { width, rgb } = await set.read(from + image);
    const grey = (x, y) => rgb[3 * (y * width + x)];
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const sum = grey(2 * x, 2 * y) + grey(2 * x + 1, 2 * y) + grey(2 * x, 2 * y + 1) + grey(2 * x + 1, 2 * y + 1);
        idx[16 + (image * SIDE + y) * SIDE + x] = Math.round(sum / 4);
      }
    }
  }
  return idx;
}

const images = await openImages(path);
await mkdir(folder, { recursive: true });
const [many, few, others] = ['pretraining.idx', 'hyperfitting.idx', 'held-out.idx'].map((name) => join(folder, name));
await writeFile(many, await shrink(images, 0, settings.pretraining));
await writeFile(few, await shrink(images, settings.pretraining, settings.hyperfitting));
await writeFile(others, await shrink(images, settings.heldOutFrom, settings.heldOut));

// The start token is one more id than there are greys.
const blank = join(folder, 'blank');
const config = {
  architectures: ['ImageGPTForCausalImageModeling'],
  model_type: 'imagegpt',
  vocab_size: palette.length + 1,
  n_positions: SIDE * SIDE,
  n_embd: settings.width,
  n_layer: settings.layers,
  n_head: 4,
};
await initializeModel(blank, config, { seed: 0, preprocessor: renderPreprocessor({ width: SIDE, height: SIDE, palette }) });

const model = await Model.load(blank);
const data = await loadImageSequences(many, model);
for await (const event of hyperfit(model, {
  data,
  learningRate: 1e-3,
  warmupSteps: 50,
  batchSize: settings.batchSize,
  maxSteps: settings.steps,
  epochs: null,
  maxGradNorm: 1,
})) {
  if (event.type === 'step' && event.step % 50 === 0) console.log(`pretraining, step ${event.step}: loss ${event.loss.toFixed(3)}`);
}
const pretrained = join(folder, 'pretrained');
await model.save(pretrained);
model.dispose();

const result = await run(
  normalizeConfig([
    {
      name: 'example',
      values: {
        model: pretrained,
        images: few,
        heldOut: others,
        sampleSelection: 'first',
        learningRate: 1e-3,
        batchSize: 8,
        epochs: settings.epochs,
        targetLoss: 0.1,
        evaluateEverySteps: 0,
        saveEverySteps: 0,
        comparisonContexts: settings.heldOut,
        out: join(folder, 'run'),
      },
    },
  ]),
  {
    onEvent: (event) =>
      event.type === 'epoch' && console.log(`hyperfitting, epoch ${event.epoch}: mean training loss ${event.meanLoss.toFixed(3)}`),
  },
);
for (const { name, image } of result.comparison) {
  console.log(
    `${name.padEnd(20)}  row repeats ${image.rowRepeatRate.toFixed(3)}  palette TTR ${image.paletteTtr.toFixed(3)}  distinct rows ${image.distinctRows.toFixed(3)}`,
  );
}
console.log(`grid: ${join(result.folder, 'images.png')}\nreport: ${result.report}`);
