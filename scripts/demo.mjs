// npm run demo: sets up whatever is missing, then runs `hyperfit demo` with the arguments given.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureAll } from './setup.mjs';
import { root, runMain } from './steps/log.mjs';

/** A terminal's Ctrl-C reaches the child by itself; a second one would stop it at once. Other signals are passed on. */
function runDemo({ libtorch, model }) {
  const env = { ...process.env, LIBTORCH: libtorch, HYPERFIT_SMOLLM2_GGUF: model };
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.mjs'), 'demo', ...process.argv.slice(2)], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  const terminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  process.on('SIGINT', () => terminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

await runMain(async () => runDemo(await ensureAll()));
