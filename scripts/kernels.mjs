// npm run kernels: compiles native/ops/cuda/kernels/ for every architecture of NVIDIA's into build-cmake/cuda-kernels.bin, where the addon
// looks for it. Takes no card: NVIDIA's compiler library comes from its Python wheel. A warning, a spilled register and local memory fail.
// `-- --fetch` only fetches the wheel.
import { runMain } from './steps/log.mjs';
import { ensureKernels, ensureNvrtc } from './steps/nvrtc.mjs';

await runMain(async () => {
  if (process.argv.includes('--fetch')) return void (await ensureNvrtc());
  process.stdout.write(`${await ensureKernels()}\n`);
});
