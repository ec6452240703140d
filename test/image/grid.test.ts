import { renderGrid } from '../../lib/image/grid.ts';
import { readPng, writePng } from '../../lib/image/png.ts';
import type { Picture } from '../../lib/image/pixels.ts';

const plain = (value: number): Picture => ({ width: 2, height: 2, rgb: new Uint8Array(12).fill(value) });
const RED = [220, 30, 30];

test('a grid comes back from its PNG: rows under one another, blocks when there are many', () => {
  const grid = readPng(
    writePng(
      renderGrid(
        [
          [plain(10), plain(20), plain(30)],
          [plain(40), plain(50), plain(60)],
        ],
        { columns: 2, scale: 3 },
      ),
    ),
  );
  // Tiles of 6 x 6, 6 between and around them, blocks of two rows 18 apart.
  expect([grid.width, grid.height]).toEqual([6 + 2 * 12, 6 + 18 + 18 + 18 + 6]);
  const at = (x: number, y: number) => grid.rgb[3 * (y * grid.width + x)];
  expect([at(6, 6), at(18, 6), at(6, 18), at(18, 18), at(6, 42), at(6, 54)]).toEqual([10, 20, 40, 50, 30, 60]);
  expect([at(5, 6), at(12, 6), at(18, 42)]).toEqual([255, 255, 255]);
});

test('a red line runs below the given pixels, with a step where they end within a row', () => {
  const { rgb, width } = renderGrid([[plain(0)]], { contextPixels: 1, scale: 4 });
  const column = (x: number) =>
    Array.from({ length: 8 }, (_, y) => [...rgb.slice(3 * ((6 + y) * width + 6 + x), 3 * ((6 + y) * width + 6 + x) + 3)]);
  expect(column(0).map((colour) => colour.join() === RED.join())).toEqual([false, false, false, true, true, false, false, false]);
  expect(column(7).map((colour) => colour.join() === RED.join())).toEqual([true, false, false, false, false, false, false, false]);
});

test('nothing, and images that do not match, are refused', () => {
  expect(() => renderGrid([])).toThrow('expected images for `rows`');
  expect(() => renderGrid([[plain(1)], []])).toThrow('expected 1 images of 2 x 2');
  expect(() => renderGrid([[plain(1), { width: 1, height: 1, rgb: new Uint8Array(3) }]])).toThrow('expected 2 images of 2 x 2');
});
