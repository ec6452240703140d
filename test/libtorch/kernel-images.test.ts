import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { unpackKernels } from '../../lib/libtorch/kernel-images.ts';
import { addonFiles } from '../../lib/libtorch/series.ts';

const folder = mkdtempSync(join(tmpdir(), 'hyperfit-images-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, bytes: Buffer): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

test('a packed file gives what was packed; one that is not packed, is damaged or is not there gives nothing', () => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 251));
  const packed = brotliCompressSync(bytes);
  expect(Buffer.from(unpackKernels(written('whole.bin.br', packed))!)).toEqual(bytes);
  expect(unpackKernels(written('plain.bin', bytes))).toBeUndefined();
  expect(unpackKernels(written('short.bin.br', packed.subarray(0, 100)))).toBeUndefined();
  expect(unpackKernels(join(folder, 'nowhere.bin.br'))).toBeUndefined();
});

test('in a checkout kernels are not packed, and go before those of the package', () => {
  const [build, prebuilds] = [join(folder, 'build-cmake'), join(folder, `prebuilds/${process.platform}-${process.arch}`)];
  for (const path of [build, prebuilds]) mkdirSync(path, { recursive: true });
  writeFileSync(join(prebuilds, 'hyperfit.node'), '');
  expect(addonFiles(folder).kernels).toBe(null);
  writeFileSync(join(prebuilds, 'cuda-kernels.bin.br'), '');
  expect(addonFiles(folder).kernels).toBe(join(prebuilds, 'cuda-kernels.bin.br'));
  writeFileSync(join(build, 'cuda-kernels.bin'), '');
  expect(addonFiles(folder).kernels).toBe(join(build, 'cuda-kernels.bin'));
});
