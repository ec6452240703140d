// npm test: builds what is missing, then runs jest with the arguments given (`npm test -- test/tensor`).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure } from './setup.mjs';
import { root, runMain, say } from './steps/log.mjs';
import { run } from './steps/run.mjs';
import { mergeResults, phasesOf } from './steps/test-phases.mjs';

/** The worst exit status of the phases; of a run of all tests, one document and one closing line too. */
async function runPhases(args, env) {
  const outputFile = args.find((arg) => arg.startsWith('--outputFile='))?.slice('--outputFile='.length);
  const phases = await phasesOf(args.filter((arg) => !arg.startsWith('--outputFile=') && arg !== '--json'));
  // What tests and their processes put aside goes with it: whoever is killed, as many of these are, cannot clean up.
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-tests-'));
  const files = phases.map((_, index) => join(folder, `${index}.json`));
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  let worst = 0;
  try {
    for (const [index, { args: phase, env: more }] of phases.entries()) {
      const status = await run(process.execPath, ['--expose-gc', jest, ...phase, '--json', `--outputFile=${files[index]}`], {
        env: { ...more, ...env, TMPDIR: folder },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      worst = Math.max(worst, status);
    }
    const merged = mergeResults(files);
    if (outputFile !== undefined) writeFileSync(outputFile, JSON.stringify(merged));
    if (phases.length > 1)
      say(`${merged.numPassedTests} passed, ${merged.numFailedTests} failed, ${merged.numPendingTests + merged.numTodoTests} skipped`);
    return worst;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runMain(async () => {
  const { libtorch, model } = await ensure({ native: true, dist: true, model: 'optional' });
  // Every test file and worker then finds the same libtorch without asking Python. The OpenMP setting is the one
  // lib/addon.ts makes: under jest it comes too late, since tests see a copy of the environment.
  const env = {
    GOMP_SPINCOUNT: '2000',
    ...process.env,
    LIBTORCH: libtorch,
    ...(model ? { HYPERFIT_SMOLLM2_GGUF: model } : {}),
  };
  return runPhases(process.argv.slice(2), env);
});
