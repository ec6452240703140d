import { gzipSync } from 'node:zlib';
import { idxPictures, rawPictures, type Pictures } from '../../lib/image/pixels.ts';

const IDX = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8, 9, 10);
const all = (pictures: Pictures) => Array.from({ length: pictures.count }, (_, index) => pictures.at(index));

test.each([
  ['plain', IDX],
  ['gzipped', gzipSync(IDX)],
])('a %s IDX file gives grey images', (_, bytes) => {
  const images = all(idxPictures(bytes));
  expect(images.map(({ width, height }) => [width, height])).toEqual([
    [2, 1],
    [2, 1],
  ]);
  expect(images.map(({ rgb }) => [...rgb])).toEqual([
    [7, 7, 7, 8, 8, 8],
    [9, 9, 9, 10, 10, 10],
  ]);
});

test('planes of CIFAR-10 become pixels, the label left out', () => {
  const file = new Uint8Array(2 * 3073);
  file[3073] = 5;
  [1, 2, 3].forEach((value, plane) => (file[3073 + 1 + plane * 1024 + 1023] = value));
  const images = all(rawPictures(file));
  expect(images.map(({ width, height }) => [width, height])).toEqual([
    [32, 32],
    [32, 32],
  ]);
  expect([...images[1]!.rgb.slice(0, 3)]).toEqual([0, 0, 0]);
  expect([...images[1]!.rgb.slice(-3)]).toEqual([1, 2, 3]);
});

test('plain bytes are pixels as they stand', () => {
  const file = Uint8Array.from({ length: 2 * 3072 }, (_, at) => at % 251);
  const [first, second] = all(rawPictures(file));
  expect(first!.rgb).toEqual(file.slice(0, 3072));
  expect(second!.rgb).toEqual(file.slice(3072));
});

test('damaged files are refused', () => {
  expect(() => idxPictures(IDX.slice(0, -1), 'x')).toThrow('expected 20 bytes for `x` (2 images of 1 x 2), got 19');
  expect(() => idxPictures(Uint8Array.of(0, 0, 8, 1))).toThrow('not of labels');
  expect(() => idxPictures(gzipSync(IDX).subarray(0, 20))).toThrow('whole gzip file');
  expect(() => rawPictures(new Uint8Array(3000), 'y')).toThrow('for `y`, got 3000');
  expect(() => rawPictures(new Uint8Array(0))).toThrow('got 0');
  expect(() => rawPictures(new Uint8Array(3073).fill(200))).toThrow('a label below 10');
});

test('a gzipped IDX file is not unpacked beyond what its header says', () => {
  const header = (count: number, side: number): Buffer => {
    const bytes = Buffer.alloc(16);
    [0x803, count, side, side].forEach((value, at) => bytes.writeUInt32BE(value, 4 * at));
    return bytes;
  };
  const start = performance.now();
  expect(() => idxPictures(gzipSync(Buffer.concat([header(1, 2), Buffer.alloc(200e6)]), { level: 1 }))).toThrow('whole gzip file');
  expect(() => idxPictures(gzipSync(header(4e9, 60_000)), 'x')).toThrow(
    /expected images of at most 1073741824 bytes for `x`, got 4000000000 of 60000 x 60000; split the file/,
  );
  expect(performance.now() - start).toBeLessThan(5000);
});
