import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderPreprocessor } from '../../lib/image/image-format.ts';
import { greyPalette } from '../../lib/image/palette.ts';
import { readPng, writePng } from '../../lib/image/png.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder } from '../train/tiny.ts';

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

/** Diagonal stripes of four greys. */
function writeImages(path: string, count: number): string {
  mkdirSync(path);
  for (let image = 0; image < count; image++) {
    const rgb = Uint8Array.from(
      { length: 3 * SIDE * SIDE },
      (_, at) => 85 * ((Math.floor(at / 3) + Math.floor(at / 3 / SIDE) + image) % 4),
    );
    writeFileSync(join(path, `${String(image).padStart(2, '0')}.png`), writePng({ width: SIDE, height: SIDE, rgb }));
  }
  return path;
}

test('images: completions before and after, real images beside them, and a grid', async () => {
  const folder = freshFolder();
  const [model, out] = [join(folder, 'model'), join(folder, 'out')];
  await initializeModel(model, CONFIG, { preprocessor: renderPreprocessor({ width: SIDE, height: SIDE, palette: greyPalette(4) }) });
  const data = writeImages(join(folder, 'pngs'), 12);
  const { code, stderr } = await cli(
    'study',
    'images',
    '--model',
    model,
    '--data',
    data,
    '--samples',
    '6',
    '--batch-size',
    '3',
    '--learning-rate',
    '1e-2',
    '--epochs',
    '10',
    '--contexts',
    '5',
    '--seeds',
    '0',
    '--out',
    out,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('cell 5/5') });
  const { findings } = JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyFile;
  const value = (of: string, quantity: string): number =>
    findings!.rows.find((row) => row.of === of && row.quantity === quantity)!.ours!.value;
  // Each row of the real images is the one above moved by one, and each holds all four greys.
  expect(value('real images', 'rows equal to the row above')).toBe(0);
  expect(value('real images', 'distinct over completed palette ids')).toBeCloseTo(4 / 48, 12);
  expect(value('hyperfitted', 'held-out loss, nats per pixel')).toBeLessThan(value('original', 'held-out loss, nats per pixel'));
  const grid = readPng(Buffer.from(findings!.images[0]!.base64, 'base64'));
  expect(grid.width).toBe(findings!.images[0]!.width);
  const page = readFileSync(join(out, 'index.html'), 'utf8');
  expect(page).toContain("default-src 'none'; img-src data:; style-src");
  expect(page).toContain('src="data:image/png;base64,');
}, 300_000);
