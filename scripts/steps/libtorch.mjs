import { existsSync, statSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, say } from './log.mjs';

const BUNDLE = join(root, 'build-cmake', 'js', 'index.mjs');

/** Once a process: steps that run beside each other ask for it at the same time. */
let loading;

/**
 * The package's own lib/libtorch and lib/samples, bundled by itself: set-up needs it before there is an addon, and before the rest of
 * the package is known to compile.
 */
export function loadLibtorchModule() {
  return (loading ??= load());
}

async function load() {
  const sources = ['libtorch', 'samples', 'download'].map((name) => join(root, 'lib', name));
  const files = sources.flatMap((source) => readdirSync(source, { recursive: true, encoding: 'utf8' }).map((name) => join(source, name)));
  const newest = Math.max(...files.map((path) => statSync(path).mtimeMs));
  if (!existsSync(BUNDLE) || statSync(BUNDLE).mtimeMs < newest) {
    const { build } = await import('tsdown');
    await build({
      entry: { index: join(root, 'lib', 'samples', 'setup.ts') },
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
 * there is an NVIDIA driver. Another `series` than the tested one is looked for in the cache alone, and installed for the CPU. Gives its
 * folder.
 */
export async function ensureLibtorch(series) {
  const libtorch = await loadLibtorchModule();
  if (series !== undefined && series !== libtorch.TORCH_SERIES) return ensureOther(libtorch, series);
  const search = libtorch.searchLibtorch({ needHeaders: true, series: [libtorch.TORCH_SERIES] });
  const cuda = existsSync('/dev/nvidiactl') && process.env.HYPERFIT_CUDA !== '0';
  if (search.libtorch) {
    const { version, place, path, hasCuda } = search.libtorch;
    say(`libtorch ${version} (${place}): ${path}`);
    if (cuda && !hasCuda) say('libtorch: without CUDA, though there is a GPU; `npx hyperfit libtorch install --cuda` adds it');
    return path;
  }
  if (process.env.LIBTORCH) throw search.error; // what the user named is final
  return install(libtorch, { cuda });
}

async function ensureOther(libtorch, series) {
  const { LIBTORCH: _, ...env } = process.env;
  const search = libtorch.searchLibtorch({ needHeaders: true, series: [series], env });
  return search.libtorch?.path ?? install(libtorch, { cuda: false, series });
}

async function install(libtorch, { cuda, series }) {
  const [size, disk] = [libtorch.installSize(cuda, series), libtorch.installedSize(cuda, series)].map(libtorch.megabytes);
  say(
    `libtorch: none found, installing into ${libtorch.cacheFolder()} (${size} to download, ${disk} on disk${cuda ? ', with CUDA; HYPERFIT_CUDA=0 for CPU only' : ''})`,
  );
  return (await libtorch.installLibtorch({ cuda, series, onProgress: libtorch.installProgress() })).path;
}
