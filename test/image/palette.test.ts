import { coloursOf, greyPalette, quantise } from '../../lib/image/palette.ts';

test('greys run from black to white and come back as themselves', () => {
  const palette = greyPalette(16);
  const ids = Array.from({ length: 16 }, (_, id) => id);
  const rgb = coloursOf(ids, palette);
  expect([...rgb.slice(0, 3), ...rgb.slice(45)]).toEqual([0, 0, 0, 255, 255, 255]);
  expect([...quantise(rgb, palette)]).toEqual(ids);
});

test('a pixel takes its nearest colour, the first of equals', () => {
  const palette = [
    [1, -1, -1],
    [-1, 1, -1],
    [-1, 1, -1],
  ] as const;
  expect([...quantise(Uint8Array.of(200, 30, 9, 30, 200, 9), palette)]).toEqual([0, 1]);
});

test('what cannot be quantised or coloured is refused', () => {
  expect(() => greyPalette(1)).toThrow('expected an integer from 2 to 256 for `levels`, got 1');
  expect(() => quantise(Uint8Array.of(1, 2), greyPalette(2))).toThrow('3 bytes a pixel');
  expect(() => quantise(Uint8Array.of(1, 2, 3), [])).toThrow('at least one colour');
  expect(() => coloursOf([0, 2], greyPalette(2))).toThrow('expected 0 to 1 for `ids[1]`, got 2');
});
