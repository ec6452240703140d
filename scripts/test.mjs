// npm test: builds what is missing, then runs jest with the arguments given (`npm test -- test/tensor`).
import { join } from 'node:path';
import { ensure } from './setup.mjs';
import { root, runMain, say } from './steps/log.mjs';
import { ensureModel } from './steps/model.mjs';
import { run } from './steps/run.mjs';

/** Without the model its tests are skipped by name; everything else can be tested without a network. */
async function findModel() {
  try {
    return await ensureModel();
  } catch (error) {
    say(`model: ${error.message}; the tests that need it will be skipped`);
    return undefined;
  }
}

await runMain(async () => {
  const { libtorch } = await ensure({ native: true, dist: true });
  const model = await findModel();
  // Every test file and worker then finds the same libtorch without asking Python. The OpenMP setting is the one
  // lib/addon.ts makes: under jest it comes too late, since tests see a copy of the environment.
  const env = {
    GOMP_SPINCOUNT: '2000',
    ...process.env,
    LIBTORCH: libtorch,
    ...(model ? { HYPERFIT_SMOLLM2_GGUF: model } : {}),
  };
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  // In band: each worker process would load libtorch anew and want the same cores.
  const args = ['--expose-gc', jest, '--runInBand', ...process.argv.slice(2)];
  return run(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
});
