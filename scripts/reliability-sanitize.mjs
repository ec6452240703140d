// npm run reliability:sanitize -- [--thread] [TEST FILES]: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer, or with
// ThreadSanitizer, and runs tests that use it under them (scripts/steps/sanitizers.mjs).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runMain, say } from './steps/log.mjs';
import { KINDS } from './steps/sanitizers.mjs';
import { buildSanitized } from './steps/sanitizer-build.mjs';

const TESTS = {
  address: ['test/native', 'test/tensor', 'test/model', 'test/generate', 'test/train', 'test/checkpoint'],
  thread: ['test/native', 'test/generate', 'test/train', 'test/model/dispose'],
};
const { values, positionals } = parseArgs({ allowPositionals: true, options: { thread: { type: 'boolean', default: false } } });

await runMain(async () => {
  const name = values.thread ? 'thread' : 'address';
  const { sanitizers, env: sanitizerEnv, note } = KINDS[name]();
  if (note !== undefined) say(note);
  const { folder, libtorch } = await buildSanitized(name, {
    compiler: 'g++',
    target: undefined,
    defines: { HYPERFIT_SANITIZE: sanitizers },
  });
  const env = { ...process.env, ...sanitizerEnv, LIBTORCH: libtorch, HYPERFIT_BUILD: folder };
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const tests = positionals.length > 0 ? positionals : TESTS[name];
  return spawnSync(process.execPath, ['--expose-gc', jest, '--runInBand', ...tests], { cwd: root, stdio: 'inherit', env }).status ?? 1;
});
