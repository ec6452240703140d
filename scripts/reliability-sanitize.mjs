// npm run reliability:sanitize -- [--thread] [TEST FILES]: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer, or with
// ThreadSanitizer, and runs tests that use it under them. libgomp is not instrumented, so ThreadSanitizer sees one OpenMP thread: the compute
// thread, its queue, cancelling and worker threads.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runMain } from './steps/log.mjs';
import { buildSanitized } from './steps/sanitizer-build.mjs';

const NATIVE = ['test/native', 'test/tensor', 'test/model', 'test/generate', 'test/train', 'test/checkpoint'];
const THREADS = ['test/native', 'test/generate'];
const { values, positionals } = parseArgs({ allowPositionals: true, options: { thread: { type: 'boolean', default: false } } });
const suppressions = (name) => join(root, 'test', 'reliability', 'native', `suppressions-${name}.txt`);

const KINDS = {
  address: {
    sanitizers: 'address,undefined',
    runtime: 'libasan.so',
    // Node reserves far more than it uses, and ends without freeing.
    options: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:allocator_may_return_null=1', UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1', LSAN_OPTIONS: `suppressions=${suppressions('lsan')}` },
    tests: NATIVE,
  },
  thread: {
    sanitizers: 'thread',
    runtime: 'libtsan.so',
    options: { TSAN_OPTIONS: `suppressions=${suppressions('tsan')}:exitcode=66:ignore_noninstrumented_modules=1`, OMP_NUM_THREADS: '1' },
    tests: THREADS,
  },
};

await runMain(async () => {
  const name = values.thread ? 'thread' : 'address';
  const { sanitizers, runtime, options, tests } = KINDS[name];
  const { folder, libtorch } = await buildSanitized(name, { compiler: 'g++', target: undefined, defines: { HYPERFIT_SANITIZE: sanitizers } });
  const preload = spawnSync('g++', [`-print-file-name=${runtime}`], { encoding: 'utf8' }).stdout.trim();
  const env = { ...process.env, ...options, LIBTORCH: libtorch, HYPERFIT_BUILD: folder, LD_PRELOAD: preload };
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  return spawnSync(process.execPath, ['--expose-gc', jest, '--runInBand', ...(positionals.length > 0 ? positionals : tests)], { cwd: root, stdio: 'inherit', env }).status ?? 1;
});
