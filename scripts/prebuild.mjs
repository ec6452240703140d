// npm run prebuild:all: prebuilds/<platform>-<arch>/ with the preloader and, in series/, an addon per libtorch series and the CPU's kernels
// that all of them share, and headers/ for a build from source; and the kernels that are compiled for cards. A series takes some minutes to
// compile the first time; `-- --series 2.11` makes only some, and `--without-kernels` leaves those out, for tests where NVIDIA's compiler
// library cannot be had.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';
import { ensureLibtorch, loadLibtorchModule } from './steps/libtorch.mjs';
import { root, runMain, say, SetupError } from './steps/log.mjs';
import { cpuKernels, ensureNative, nativeFolder } from './steps/native.mjs';
import { ensureKernels } from './steps/nvrtc.mjs';
import { run } from './steps/run.mjs';

const PREBUILDIFY = join(root, 'node_modules', 'prebuildify', 'bin.js');

await runMain(async () => {
  const { PINNED_SERIES, TORCH_SERIES } = await loadLibtorchModule();
  const { values } = parseArgs({
    options: { series: { type: 'string', default: PINNED_SERIES.join(',') }, 'without-kernels': { type: 'boolean', default: false } },
  });
  const wanted = values.series.split(',');
  const unknown = wanted.filter((name) => !PINNED_SERIES.includes(name));
  if (unknown.length > 0) throw new SetupError(`expected some of ${PINNED_SERIES.join(',')} for --series, got ${unknown.join(',')}`);
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  await packReference();
  const platform = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  const target = join(platform, 'series');
  mkdirSync(target, { recursive: true });
  copyFileSync(join(nativeFolder(), 'Release', cpuKernels()), join(target, cpuKernels()));
  if (!values['without-kernels']) packKernels(await ensureKernels(), join(platform, 'cuda-kernels.bin.br'));
  for (const series of wanted) {
    if (series !== TORCH_SERIES) await ensureNative(await ensureLibtorch(series), series);
    copyFileSync(
      join(nativeFolder(series === TORCH_SERIES ? undefined : series), 'Release', `torch-${series}.node`),
      join(target, `torch-${series}.node`),
    );
    say(`prebuild: torch-${series}.node`);
  }
  copyHeaders();
});

/** The preloader, which is the same for all, by way of prebuildify. */
async function packReference() {
  const status = await run(process.execPath, [PREBUILDIFY, '--napi', '--strip', '--node-gyp', join(root, 'scripts', 'node-gyp.cjs')]);
  // prebuildify takes its file out of build/, which would come before prebuilds/ when the package is loaded.
  rmSync(join(root, 'build'), { recursive: true, force: true });
  if (status !== 0) throw new SetupError(`prebuildify ended with status ${status}`);
}

/** lib/libtorch/kernel-images.ts unpacks them. Half a minute. */
function packKernels(from, to) {
  const bytes = readFileSync(from);
  const { BROTLI_PARAM_QUALITY, BROTLI_MAX_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_MAX_WINDOW_BITS, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = {
    [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY,
    [BROTLI_PARAM_LGWIN]: BROTLI_MAX_WINDOW_BITS,
    [BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  writeFileSync(to, brotliCompressSync(bytes, { params }));
}

/** What a build wants of two packages that npm does not install for users. */
function copyHeaders() {
  const headers = join(root, 'headers');
  rmSync(headers, { recursive: true, force: true });
  cpSync(join(root, 'node_modules', 'node-api-headers', 'include'), headers, { recursive: true });
  for (const name of ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h'])
    copyFileSync(join(root, 'node_modules', 'node-addon-api', name), join(headers, name));
}
