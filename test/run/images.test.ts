import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { readImageFormat, renderPreprocessor } from '../../lib/image/image-format.ts';
import { greyPalette } from '../../lib/image/palette.ts';
import { readPng, writePng } from '../../lib/image/png.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import { Model } from '../../lib/model/model.ts';
import { completeImages } from '../../lib/run/image-completion.ts';
import { loadImageSequences } from '../../lib/run/image-data.ts';
import type { ImagesFile } from '../../lib/run/image-files.ts';
import { readMetrics } from '../../lib/run/metric-log.ts';
import { run } from '../../lib/run/run.ts';
import { runFolder } from '../../lib/run/run-folder.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, refusal, TINY_MODEL } from '../train/tiny.ts';

const FIXTURE = resolve(__dirname, '../fixtures/images');
const SIDE = 8;
const CONFIG = {
  architectures: ['ImageGPTForCausalImageModeling'],
  model_type: 'imagegpt',
  vocab_size: 5,
  n_positions: SIDE * SIDE,
  n_embd: 16,
  n_layer: 1,
  n_head: 2,
};

async function makeModel(folder: string): Promise<string> {
  const path = join(folder, 'model');
  await initializeModel(path, CONFIG, { preprocessor: renderPreprocessor({ width: SIDE, height: SIDE, palette: greyPalette(4) }) });
  return path;
}

/** Frames, each of another width. */
function writeImageFolder(folder: string, count: number): string {
  const path = join(folder, 'pngs');
  mkdirSync(path);
  for (let image = 0; image < count; image++) {
    const rgb = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, at) => {
      const [x, y] = [Math.floor(at / 3) % SIDE, Math.floor(at / 3 / SIDE)];
      return 85 * ((Math.max(x, y) + image) % 4);
    });
    writeFileSync(join(path, `${String(image).padStart(2, '0')}.png`), writePng({ width: SIDE, height: SIDE, rgb }));
  }
  return path;
}

async function settings(values: Record<string, unknown> = {}): Promise<ReturnType<typeof normalizeConfig>> {
  const folder = freshFolder();
  const base = {
    model: await makeModel(folder),
    images: writeImageFolder(folder, 12),
    samples: 6,
    out: join(folder, 'run'),
    learningRate: 1e-2,
    batchSize: 3,
    epochs: 4,
    evaluateEverySteps: 4,
    saveEverySteps: 0,
  };
  return normalizeConfig([{ name: 'test', values: { ...base, ...values } }]);
}

const readImagesJson = (path: string) => JSON.parse(readFileSync(join(path, 'images.json'), 'utf8')) as ImagesFile;

test('completions are those of transformers, the last pixel included', async () => {
  const expected = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8')) as { ids: number[][]; completions: number[][] };
  const model = await Model.load(join(FIXTURE, 'model'));
  try {
    const contexts = expected.completions.map((_, index) => Int32Array.of(512, ...expected.ids[index]!.slice(0, 256)));
    const completed = await completeImages(model, contexts, readImageFormat(model.files.preprocessor, model));
    expect(completed.map((ids) => [...ids])).toEqual(expected.completions);
  } finally {
    model.dispose();
  }
});

test('a run completes held-out images before and after, and keeps grid, figures and page', async () => {
  const normalized = await settings();
  const result = await run(normalized);
  const folder = runFolder(result.folder);
  expect(result.comparison.map(({ name }) => name)).toEqual(['original, greedy', 'hyperfitted, greedy']);
  const file = readImagesJson(result.folder);
  expect(file).toMatchObject({ width: SIDE, height: SIDE, colours: 4, contextPixels: 16 });
  expect(file.rows.map(({ name, images }) => [name, images.length])).toEqual([
    ['real images', 6],
    ['original, greedy', 6],
    ['hyperfitted, greedy', 6],
  ]);
  expect(file.rows[2]!.mean).toEqual(result.comparison[1]!.image);
  expect(file.rows[0]!.mean).toMatchObject({ rowRepeatRate: 0, trainingMatch: 1 });
  const grid = readPng(readFileSync(folder.imagesFile));
  expect([grid.width, grid.height]).toEqual([6 * (96 + 6) + 6, 3 * (96 + 6) - 6 + 12]);
  const page = readFileSync(folder.reportFile, 'utf8');
  expect(page).toContain(`src="data:image/png;base64,${readFileSync(folder.imagesFile).toString('base64')}"`);
  expect(page).toContain('img-src data:');
  expect(page).toMatch(/Row repeats.*Palette TTR.*Distinct rows/s);
  expect(page).not.toMatch(/Self-BLEU|Continuations/);
});

test('the first rows of the grid are held-out images: none was trained on', async () => {
  const normalized = await settings();
  const { folder } = await run(normalized);
  const { data } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as { data: { samples: { source: string }[] } };
  const trained = data.samples.map(({ source }) => source);
  const { sources } = readImagesJson(folder);
  expect([trained.length, sources.length]).toEqual([6, 6]);
  expect(sources.filter((source) => trained.includes(source))).toEqual([]);
});

test('evaluations on the way count rows, and the best by generation is kept with its palette', async () => {
  const { folder, best } = await run(await settings());
  const evaluations = readMetrics(runFolder(folder).metricsFile).filter(({ type }) => type === 'evaluation');
  expect(evaluations.map(({ step }) => step)).toEqual([0, 4, 8]);
  for (const { ttr, rep2 } of evaluations) expect([ttr, rep2]).toEqual([expect.any(Number), expect.any(Number)]);
  const kept = best.find(({ criterion }) => criterion === 'generation')!;
  expect(readdirSync(kept.path)).toContain('preprocessor_config.json');
});

test('an interrupted run goes on and ends with the figures of both models', async () => {
  const normalized = await settings();
  const whole = await run(normalized);
  const cut = await settings();
  let steps = 0;
  await run(cut, { onEvent: ({ type }) => (steps += type === 'step' ? 1 : 0), shouldStop: () => steps === 3 });
  expect(readImagesJson(cut.config.out!).rows).toHaveLength(2);
  const resumed = await run({ ...cut, config: { ...cut.config, resume: true } });
  expect(resumed.comparison.map(({ image }) => image)).toEqual(whole.comparison.map(({ image }) => image));
  expect(readFileSync(join(resumed.folder, 'images.png'))).toEqual(readFileSync(join(whole.folder, 'images.png')));
});

test('held-out images may come from a path of their own', async () => {
  const other = writeImageFolder(freshFolder(), 3);
  for (const name of readdirSync(other)) renameSync(join(other, name), join(other, `other-${name}`));
  const { folder } = await run(await settings({ heldOut: other, samples: null, comparisonContexts: 2 }));
  expect(readImagesJson(folder).sources.every((source) => source.startsWith('other-'))).toBe(true);
  expect(readImagesJson(folder).sources).toHaveLength(2);
});

test('sequences for training by hand: start token, then pixels', async () => {
  const folder = freshFolder();
  const model = await Model.load(await makeModel(folder));
  const images = writeImageFolder(folder, 3);
  const sequences = await loadImageSequences(images, model, { count: 2 });
  model.dispose();
  expect(sequences.map(({ source }) => source)).toEqual([join(images, '00.png'), join(images, '01.png')]);
  for (const { ids, targets } of sequences)
    expect([ids.length, ids[0], [...ids.subarray(1)]]).toEqual([64, 4, [...targets!.subarray(0, 63)]]);
});

test.each([
  ['text beside images', { data: 'novel.txt' }, 'ERR_CONFIG', 'got `data` beside `images`'],
  ['contexts beside images', { contexts: 'novel.txt' }, 'ERR_CONFIG', 'got `contexts` beside `images`'],
  ['a model of text', { model: TINY_MODEL }, 'ERR_CONFIG', 'expected an ImageGPT model for `images`, got llama'],
  [
    'images of another size',
    { images: join(FIXTURE, 'noise.png') },
    'ERR_DATA',
    'expected images of 8 x 8 pixels, as many as the model has positions, got 32 x 32',
  ],
])('%s are refused before training', async (_, values, code, message) => {
  expect(await refusal(run(await settings(values)))).toEqual({ code, message: expect.stringContaining(message) as string });
});

test('a folder as OpenAI published it, 32 x 32 in 512 colours, is hyperfitted by the same code', async () => {
  const images = join(freshFolder(), 'pngs');
  cpSync(FIXTURE, images, { recursive: true, filter: (path) => path === FIXTURE || path.endsWith('.png') });
  const { comparison, folder, step } = await run(
    normalizeConfig([
      {
        name: 'test',
        values: {
          model: join(FIXTURE, 'model'),
          images,
          samples: 2,
          maxSteps: 2,
          learningRate: 1e-3,
          evaluateEverySteps: 0,
          saveEverySteps: 0,
          comparisonContexts: 1,
          out: join(freshFolder(), 'run'),
        },
      },
    ]),
  );
  expect([step, comparison.length]).toEqual([2, 2]);
  expect(readImagesJson(folder)).toMatchObject({ width: 32, height: 32, colours: 512, contextPixels: 256 });
  const grid = readPng(readFileSync(join(folder, 'images.png')));
  expect([grid.width, grid.height]).toEqual([96 + 12, 3 * (96 + 6) - 6 + 12]);
});

test('the command line does the whole run and prints its figures', async () => {
  const { config } = await settings();
  const args = [
    'train',
    '--model',
    config.model!,
    '--images',
    config.images!,
    '--samples',
    '6',
    '--epochs',
    '2',
    '--learning-rate',
    '1e-2',
    '--evaluate-every-steps',
    '0',
    '--seed',
    '3',
    '--out',
    config.out!,
  ];
  const { code, stdout, stderr } = await cli(...args, '--json', '--quiet');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { comparison, folder } = JSON.parse(stdout) as { comparison: Record<string, number | null>[]; folder: string };
  expect(comparison).toHaveLength(2);
  for (const variant of comparison)
    expect(variant).toMatchObject({
      rowRepeatRate: expect.any(Number) as number,
      paletteTtr: expect.any(Number) as number,
      distinctRows: expect.any(Number) as number,
      ttr: null,
    });
  expect(existsSync(join(folder, 'images.png'))).toBe(true);
  const refused = await cli('train', '--model', config.model!, '--images', join(folder, 'nowhere'), '--out', join(folder, 'other'));
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('nowhere')]);
});
