import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Beside the compiler. */
function runtime(name) {
  return spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
}

/** AddressSanitizer and UndefinedBehaviorSanitizer. Node reserves far more than it uses, and ends without freeing. */
function address() {
  return {
    sanitizers: 'address,undefined',
    env: {
      LD_PRELOAD: runtime('libasan.so'),
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:allocator_may_return_null=1',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
  };
}

/**
 * ThreadSanitizer. It cannot see where the threads of libgomp meet, so everything of a parallel loop would look like a race. LLVM's libomp
 * takes its place where it is installed, and its tool Archer tells ThreadSanitizer; else there is one thread of OpenMP.
 */
function thread() {
  const openmp = findOpenmp();
  const seen = openmp === undefined ? { OMP_NUM_THREADS: '1' } : { OMP_NUM_THREADS: '2', OMP_TOOL_LIBRARIES: openmp.archer };
  return {
    sanitizers: 'thread',
    note: openmp === undefined ? 'no libomp with Archer is installed (Debian: libomp-dev): one thread of OpenMP' : undefined,
    env: {
      ...seen,
      LD_PRELOAD: [runtime('libtsan.so'), openmp?.library].filter((path) => path !== undefined).join(' '),
      // Node, V8 and libtorch are not instrumented: what they do among their own threads cannot be seen.
      TSAN_OPTIONS: 'exitcode=66:ignore_noninstrumented_modules=1',
    },
  };
}

function findOpenmp() {
  const folders = existsSync('/usr/lib')
    ? readdirSync('/usr/lib')
        .filter((name) => name.startsWith('llvm-'))
        .map((name) => join('/usr/lib', name, 'lib'))
    : [];
  const folder = folders.find((each) => existsSync(join(each, 'libarcher.so')) && existsSync(join(each, 'libomp.so.5')));
  return folder === undefined ? undefined : { library: join(folder, 'libomp.so.5'), archer: join(folder, 'libarcher.so') };
}

export const KINDS = { address, thread };
