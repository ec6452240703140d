import { gzipSync } from 'node:zlib';
import { readIdx, readRaw } from '../../lib/image/pixels.ts';

const IDX = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8, 9, 10);

test.each([['plain', IDX], ['gzipped', gzipSync(IDX)]])('a %s IDX file gives grey images', (_, bytes) => {
  const images = readIdx(bytes);
  expect(images.map(({ width, height }) => [width, height])).toEqual([[2, 1], [2, 1]]);
  expect(images.map(({ rgb }) => [...rgb])).toEqual([[7, 7, 7, 8, 8, 8], [9, 9, 9, 10, 10, 10]]);
});

test('raw planes become pixels, the label left out', () => {
  const record = new Uint8Array(3073);
  record[0] = 5;
  [1, 2, 3].forEach((value, plane) => (record[1 + plane * 1024 + 1023] = value));
  const [image] = readRaw(record);
  expect([...image!.rgb.slice(0, 3)]).toEqual([0, 0, 0]);
  expect([...image!.rgb.slice(-3)]).toEqual([1, 2, 3]);
});

test('damaged files are refused', () => {
  expect(() => readIdx(IDX.slice(0, -1), 'x')).toThrow('expected 20 bytes for `x` (2 images of 1 x 2), got 19');
  expect(() => readIdx(Uint8Array.of(0, 0, 8, 1))).toThrow('not of labels');
  expect(() => readIdx(gzipSync(IDX).subarray(0, 20))).toThrow('whole gzip file');
  expect(() => readRaw(new Uint8Array(3072))).toThrow('multiple of 3073');
});
