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
  const newest = Math.max(...readdirSync(source).map((name) => statSync(join(source, name)).mtimeMs));
  if (!existsSync(BUNDLE) || statSync(BUNDLE).mtimeMs < newest) {
    const { build } = await import('tsdown');
    await build({
      entry: { index: join(source, 'index.ts') },
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

/** A libtorch with headers: the one `LIBTORCH`, the cache or python3 has, otherwise it is installed. Gives its folder. */
export async function ensureLibtorch() {
  const libtorch = await loadLibtorchModule();
  const search = libtorch.searchLibtorch({ needHeaders: true, series: [libtorch.TORCH_SERIES] });
  if (search.libtorch) {
    say(`libtorch ${search.libtorch.version} (${search.libtorch.place}): ${search.libtorch.path}`);
    return search.libtorch.path;
  }
  if (process.env.LIBTORCH) throw search.error; // what the user named is final
  const size = libtorch.megabytes(libtorch.installSize(false));
  say(`libtorch: none found, installing into ${libtorch.cacheFolder()} (${size} to download, 500 MB on disk)`);
  const installed = await libtorch.installLibtorch({ onProgress: libtorch.installProgress() });
  return installed.path;
}
