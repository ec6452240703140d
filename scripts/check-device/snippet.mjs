import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Runs snippets/NAME.mjs in a process of its own. `onSaid` hears each line it prints and gets the process, to end it.
 * Gives how it ended: `status` and `signal`, what it said, and seconds from `onSaid`'s first line to the end.
 */
export function spawnSnippet(name, options, limitSeconds, onSaid = () => {}) {
  return new Promise((resolve) => {
    const path = fileURLToPath(new URL(`snippets/${name}.mjs`, import.meta.url));
    const child = spawn(process.execPath, [path, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    let since;
    child.stderr.setEncoding('utf8').on('data', (text) => (said.stderr += text));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      since ??= performance.now();
      said.stdout += text;
      for (const line of text.split('\n').filter(Boolean)) onSaid(line, child);
    });
    let timedOut = false;
    const killing = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, limitSeconds * 1000);
    child.on('close', (status, signal) => {
      clearTimeout(killing);
      resolve({ status, signal, timedOut, seconds: since === undefined ? null : Math.round(performance.now() - since) / 1000, ...said });
    });
  });
}
