import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openImages } from '../../lib/image/image-set.ts';
import { writePng } from '../../lib/image/png.ts';

const folder = mkdtempSync(join(tmpdir(), 'hyperfit-images-'));
const IDX = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8);
const png = (value: number) => writePng({ width: 1, height: 1, rgb: Uint8Array.of(value, value, value) });

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

test('a folder is its PNG files by name; other files are passed over', async () => {
  const path = join(folder, 'pngs');
  mkdirSync(path);
  for (const [name, value] of [
    ['b.png', 2],
    ['a.PNG', 1],
    ['c.txt', 3],
  ] as const)
    writeFileSync(join(path, name), png(value));
  const set = await openImages(path);
  expect(set.count).toBe(2);
  expect([await set.read(0), await set.read(1)].map(({ rgb }) => rgb[0])).toEqual([1, 2]);
  expect(set.sourceOf(1)).toBe(join(path, 'b.png'));
});

test.each([
  ['a PNG', png(4), [4]],
  ['an IDX file', IDX, [7, 8]],
  ['a gzipped IDX file', gzipSync(IDX), [7, 8]],
  ['raw colour', new Uint8Array(3072).fill(6), [6]],
])('%s is known by what it holds', async (name, bytes, firsts) => {
  const path = write(name, bytes);
  const set = await openImages(path);
  const read = await Promise.all(Array.from({ length: set.count }, (_, index) => set.read(index)));
  expect(read.map(({ rgb }) => rgb[0])).toEqual(firsts);
  expect(set.sourceOf(0)).toBe(`${path}:1`);
});

test('what holds no images is refused by name', async () => {
  await expect(openImages(join(folder, 'nowhere'))).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining('nowhere') as string,
  });
  mkdirSync(join(folder, 'empty'));
  await expect(openImages(join(folder, 'empty'))).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining('expected .png files') as string,
  });
  await expect(openImages(write('text.txt', new TextEncoder().encode('hello')))).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining('text.txt') as string,
  });
  await expect(openImages(write('none.idx', Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1)))).rejects.toMatchObject({
    message: expect.stringContaining('got none') as string,
  });
});
