import { spawn, spawnSync } from 'node:child_process';
import { root, SetupError } from './log.mjs';

/** Runs a program, its output passed on to stderr; gives its exit status. */
export function run(command, args, { cwd = root, env = process.env, stdio = ['ignore', 2, 2] } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio });
    child.on('error', reject).on('close', (status, signal) => resolve(status ?? (signal ? 1 : 0)));
  });
}

/** Runs a program and calls `onLine` for each line of its output; gives its exit status. */
export function runLines(command, args, { env = process.env, onLine }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) readLines(stream, onLine);
    child.on('error', reject).on('close', (status) => resolve(status ?? 1));
  });
}

function readLines(stream, onLine) {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    lines.forEach(onLine);
  });
  stream.on('end', () => rest && onLine(rest));
}

/** Runs a short program in a folder, its output kept back; throws with its last line, and with `remedy`, when it fails. */
export function runIn(cwd, command, args, remedy = '') {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0)
    throw new SetupError(
      `expected \`${command} ${args[0]}\` to work, got ${error?.message ?? (stderr.trim().split('\n').at(-1) || `status ${status}`)}${remedy}`,
    );
}
