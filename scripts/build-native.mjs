import { spawnSync } from 'node:child_process';
const run = spawnSync(process.execPath, ['node_modules/cmake-js/bin/cmake-js', 'build', '-O', 'build-cmake'], { stdio: 'inherit' });
process.exitCode = run.status ?? 1;
