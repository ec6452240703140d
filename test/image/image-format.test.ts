import { decodePixels, encodePicture, imageSequence, readImageFormat, renderPreprocessor } from '../../lib/image/image-format.ts';
import { greyPalette } from '../../lib/image/palette.ts';

const palette = greyPalette(4);
const model = (config: object = {}) => ({
  path: 'folder',
  config: { modelType: 'imagegpt', vocabSize: 5, maxPositionEmbeddings: 16, ...config },
});

test('our preprocessor_config.json is read as it was written', () => {
  const preprocessor = JSON.parse(renderPreprocessor({ width: 8, height: 2, palette })) as Record<string, unknown>;
  expect(readImageFormat(preprocessor, model())).toEqual({ width: 8, height: 2, palette, startToken: 4 });
});

test.each([[4], [{ height: 4, width: 4 }], [{ height: 256, width: 256 }], [undefined]])(
  'size %j leaves square images of as many pixels as positions',
  (size) => {
    expect(readImageFormat({ size, clusters: palette }, model())).toMatchObject({ width: 4, height: 4 });
  },
);

test.each([
  ['another family', { clusters: palette }, { modelType: 'gpt2' }, 'expected an ImageGPT model'],
  ['no file', undefined, {}, 'expected preprocessor_config.json'],
  ['no clusters', {}, {}, 'expected a list of [red, green, blue]'],
  ['colours of two channels', { clusters: [[0, 0]] }, {}, 'expected a list of [red, green, blue]'],
  [
    'clusters of another model',
    { clusters: palette },
    { vocabSize: 9 },
    'expected 8 `clusters`, one for each id but the last for images in folder, got 4',
  ],
  ['positions that are no image', { clusters: palette }, { maxPositionEmbeddings: 15 }, 'a `size` of 15 pixels'],
  ['another normalisation', { clusters: palette, image_mean: [0, 0, 0] }, {}, 'for `image_mean`'],
  ['no normalisation', { clusters: palette, do_normalize: false }, {}, 'for `do_normalize`'],
])('%s is refused', (_, preprocessor, config, message) => {
  expect(() => readImageFormat(preprocessor, model(config))).toThrow(message);
});

test('an image becomes ids, and a sequence with the start token before them', () => {
  const format = { width: 2, height: 2, palette, startToken: 4 };
  const picture = { width: 2, height: 2, rgb: Uint8Array.of(0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255) };
  const pixels = encodePicture(picture, format);
  expect([...pixels]).toEqual([0, 1, 2, 3]);
  expect(decodePixels(pixels, format)).toEqual(picture);
  expect(imageSequence(pixels, format, 's')).toEqual({
    ids: Int32Array.of(4, 0, 1, 2),
    targets: Int32Array.of(0, 1, 2, 3),
    source: 's',
    offset: 0,
  });
  expect(() => encodePicture({ width: 1, height: 4, rgb: picture.rgb }, format, 's')).toThrow(
    'expected images of 2 x 2 pixels, as many as the model has positions, got 1 x 4 at s; resize them',
  );
});
