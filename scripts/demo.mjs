// npm run demo: sets up whatever is missing, then runs `hyperfit demo` with the arguments given.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureAll } from './setup.mjs';
import { root, runMain } from './steps/log.mjs';

/** The child gets the terminal's Ctrl-C by itself; a signal sent to this process alone is passed on. */
function runDemo({ libtorch, model }) {
  const env = { ...process.env, LIBTORCH: libtorch, HYPERFIT_SMOLLM2_GGUF: model };
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.mjs'), 'demo', ...process.argv.slice(2)], { cwd: root, env, stdio: 'inherit' });
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

await runMain(async () => runDemo(await ensureAll()));
