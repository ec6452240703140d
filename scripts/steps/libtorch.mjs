import { existsSync, statSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, say } from './log.mjs';

const BUNDLE = join(root, 'build-cmake', 'js', 'index.mjs');

/**
 * The package's own lib/libtorch, bundled by itself: set-up needs it before there is an addon, and before the rest of
 * the package is known to compile.
 */
export async function loadLibtorchModule() {
  const source = join(root, 'lib', 'libtorch');
  const newest = Math.max(...readdirSync(source, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(source, name)).mtimeMs));
  if (!existsSync(BUNDLE) || statSync(BUNDLE).mtimeMs < newest) {
    const { build } = await import('tsdown');
    await build({
      entry: { index: join(source, 'setup.ts') },
      outDir: join(root, 'build-cmake', 'js'),
      config: false,
      dts: false,
      clean: false,
      platform: 'node',
      target: 'node20',
      logLevel: 'error',
    });
  }
  return import(pathToFileURL(BUNDLE).href);
}

/**
 * A libtorch with headers: the one `LIBTORCH`, the cache or python3 has, otherwise it is installed, with CUDA where
 * there is an NVIDIA driver. Gives its folder.
 */
export async function ensureLibtorch() {
  const libtorch = await loadLibtorchModule();
  const search = libtorch.searchLibtorch({ needHeaders: true, series: [libtorch.TORCH_SERIES] });
  const cuda = existsSync('/dev/nvidiactl') && process.env.HYPERFIT_CUDA !== '0';
  if (search.libtorch) {
    const { version, place, path, hasCuda } = search.libtorch;
    say(`libtorch ${version} (${place}): ${path}`);
    if (cuda && !hasCuda) say('libtorch: without CUDA, though there is a GPU; `npx hyperfit libtorch install --cuda` adds it');
    return path;
  }
  if (process.env.LIBTORCH) throw search.error; // what the user named is final
  const size = libtorch.megabytes(libtorch.installSize(cuda));
  const disk = cuda ? '3.6 GB' : '500 MB';
  say(`libtorch: none found, installing into ${libtorch.cacheFolder()} (${size} to download, ${disk} on disk${cuda ? ', with CUDA; HYPERFIT_CUDA=0 for CPU only' : ''})`);
  const installed = await libtorch.installLibtorch({ cuda, onProgress: libtorch.installProgress() });
  return installed.path;
}
