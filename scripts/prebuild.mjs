// npm run prebuild:all: prebuilds/<platform>-<arch>/ with the preloader and, in series/, an addon per libtorch series.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, runMain, SetupError } from './steps/log.mjs';
import { run } from './steps/run.mjs';

const PREBUILDIFY = join(root, 'node_modules', 'prebuildify', 'bin.js');

await runMain(async () => {
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  const args = ['--napi', '--strip', '--node-gyp', join(root, 'scripts', 'node-gyp.cjs'), '--artifacts', join('build-cmake', 'artifacts')];
  const status = await run(process.execPath, [PREBUILDIFY, ...args]);
  // prebuildify takes its file out of build/, which would come before prebuilds/ when the package is loaded.
  rmSync(join(root, 'build'), { recursive: true, force: true });
  if (status !== 0) throw new SetupError(`prebuildify ended with status ${status}`);
});
