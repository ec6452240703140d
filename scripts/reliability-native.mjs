// npm run reliability:native -- [--seconds 300] [--corpus FOLDER]: libFuzzer on what reads files in C++, with AddressSanitizer and
// UndefinedBehaviorSanitizer, without Node. Takes clang and its runtime (Debian: clang, libclang-rt-14-dev).
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runMain } from './steps/log.mjs';
import { buildSanitized, libraryPath } from './steps/sanitizer-build.mjs';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '300' }, corpus: { type: 'string', default: join(root, 'build-sanitize', 'corpus') } },
});

await runMain(async () => {
  const { folder, libtorch } = await buildSanitized('fuzz', { compiler: 'clang++', target: 'fuzz', defines: { HYPERFIT_FUZZ: 'ON' } });
  mkdirSync(values.corpus, { recursive: true });
  const args = [
    values.corpus,
    `-max_total_time=${values.seconds}`,
    '-max_len=4096',
    '-timeout=1',
    '-rss_limit_mb=2048',
    '-malloc_limit_mb=256',
    '-print_final_stats=1',
    `-artifact_prefix=${folder}/`,
  ];
  const env = { ...process.env, LD_LIBRARY_PATH: libraryPath(libtorch), OMP_NUM_THREADS: '1' };
  return spawnSync(join(folder, 'fuzz'), args, { stdio: 'inherit', env }).status ?? 1;
});
