import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { encodePicture, readImageFormat } from '../../lib/image/image-format.ts';
import { readPng } from '../../lib/image/png.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';

/** scripts/fixtures/images.py made these with Pillow and transformers' ImageGPTImageProcessor. */
const FOLDER = resolve(__dirname, '../fixtures/images');
const expected = JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as { names: string[]; ids: number[][] };

test.each(expected.names.map((name, index) => [name, expected.ids[index]!] as const))(
  'the image of %s has the ids that transformers gives it',
  async (name, ids) => {
    const { config, preprocessor } = await openModelFiles(join(FOLDER, 'model'));
    const format = readImageFormat(preprocessor, { path: 'model', config });
    expect(format).toMatchObject({ width: 32, height: 32, startToken: 512 });
    const pixels = encodePicture(readPng(readFileSync(join(FOLDER, `${name}.png`))), format);
    expect(new Set(ids).size).toBeGreaterThan(5);
    expect([...pixels]).toEqual(ids);
  },
);
