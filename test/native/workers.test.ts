import { join } from 'node:path';
import { ROOT, startProgram, type Finished } from '../cli/cli-process.ts';
import { TINY_MODEL } from '../train/tiny.ts';

const TIMES = '20';

/** Node itself asserts, and so ends the process, where a worker is terminated within its own call of fs/promises (Node 20; docs/reliability.md). */
const NODE_ASSERTS = /node_file\.cc:\d+\s+#\s+Assertion failed: \(argc\) ==/;

/** Again where Node's own assertion came between, which is rare. */
async function finishedOf(script: string, args: readonly string[], env: Record<string, string>): Promise<Finished> {
  for (let tries = 1; ; tries++) {
    const finished = await startProgram(process.execPath, [script, ...args], { env }).finished;
    if (tries === 3 || !NODE_ASSERTS.test(finished.stderr)) return finished;
    console.warn('again: Node ended itself by an assertion of fs/promises');
  }
}

test.each(['loading', 'training', 'generating', 'streaming', 'everything'])('a worker terminated in the middle of %s, twenty times, leaves the main thread to go on', async (work) => {
  const env = { HYPERFIT_WORKERS: JSON.stringify({ dist: join(ROOT, 'dist', 'index.mjs'), model: TINY_MODEL }) };
  const script = join(__dirname, 'children', 'workers.mjs');
  expect(await finishedOf(script, [work, TIMES], env)).toEqual({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
}, 240_000);
