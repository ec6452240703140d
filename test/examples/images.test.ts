import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readPng } from '../../lib/image/png.ts';
import { freshFolder } from '../train/tiny.ts';

const ROOT = join(__dirname, '..', '..');

/** An IDX file of 28 x 28: frames, each of another grey. */
function writeIdx(path: string, count: number): string {
  const idx = Buffer.alloc(16 + count * 784);
  [0x803, count, 28, 28].forEach((value, at) => idx.writeUInt32BE(value, 4 * at));
  for (let at = 0; at < count * 784; at++) idx[16 + at] = (Math.max(at % 28, Math.floor((at % 784) / 28)) * 8 + Math.floor(at / 784) * 40) % 256;
  writeFileSync(path, idx);
  return path;
}

test('06 trains an ImageGPT from scratch, hyperfits it and draws what it completes', async () => {
  const folder = freshFolder();
  const images = writeIdx(join(folder, 'images.idx'), 32);
  const { stdout } = await promisify(execFile)('node', [join('examples', '06-images.mjs'), images, join(folder, 'out'), '--quick'], { cwd: ROOT });
  const losses = [...stdout.matchAll(/mean training loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
  expect(losses).toHaveLength(2);
  expect(losses[1]!).toBeLessThan(losses[0]!);
  expect(stdout.match(/^(original|hyperfitted), greedy +row repeats [01]\.\d{3} {2}palette TTR 0\.\d{3} {2}distinct rows [01]\.\d{3}$/gm)).toHaveLength(2);
  const [, grid] = /^grid: (.*)$/m.exec(stdout)!;
  const { width, height } = readPng(readFileSync(grid!));
  // Four images of 14 x 14 at seven times their size, in three rows.
  expect([width, height]).toEqual([4 * (98 + 6) + 6, 3 * (98 + 6) - 6 + 12]);
});
