import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from './child-process.ts';

const ABORT = /terminate called|Napi::Error|FATAL ERROR|Segmentation|double free|corrupt|assert/i;
const TIMES = 2;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hyperfit-lifetimes-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function expectCleanEnd(name: string, expected: { code: number | null; signal: string | null }): Promise<void> {
  for (let i = 0; i < TIMES; i++) {
    const { code, signal, stderr } = await runChild('exits.cjs', [name], folder);
    expect({ code, signal, stderr: ABORT.test(stderr) || code !== expected.code ? stderr : '' }).toEqual({ ...expected, stderr: '' });
  }
}

test.each([
  ['ending with live tensors', 'plain'],
  ['ending after a backward pass', 'backward'],
  ['ending after awaited work', 'awaited'],
  ['process.exit with work queued', 'pending'],
  ['process.exit with work running', 'pendingLater'],
  ['a worker that ends', 'worker'],
  ['three workers at once', 'workers'],
  ['three workers in series', 'workersInSeries'],
  ['a worker beside work in the main thread', 'workerBesideMain'],
  ['a worker that throws', 'workerThrows'],
  ['a worker terminated during an operator', 'workerTerminatedWhileComputing'],
  ['a worker terminated with work queued', 'workerTerminatedWhileSaving'],
  ['process.exit while a worker computes', 'exitWhileWorkerComputes'],
  ['process.exit while a worker has work queued', 'exitWhileWorkerSaves'],
  ['training steps that are awaited', 'training'],
  ['process.exit during a training step', 'exitWhileTraining'],
  ['process.exit during generation', 'exitWhileGenerating'],
  ['process.exit from a token callback', 'exitFromToken'],
  ['process.exit from a hook on logits', 'exitFromHook'],
  ['process.exit while hooks are called', 'exitWhileHooked'],
  ['a worker terminated while hooks are called', 'workerTerminatedWhileHooked'],
  ['a worker terminated within a hook', 'workerTerminatedInHook'],
  ['a model disposed while busy', 'disposedWhileBusy'],
  ['a worker terminated during training', 'workerTerminatedWhileTraining'],
  ['a worker terminated during generation', 'workerTerminatedWhileGenerating'],
])('%s ends the process cleanly', async (_, name) => {
  await expectCleanEnd(name, { code: 0, signal: null });
});

test('an uncaught error with work queued ends the process as any uncaught error does', async () => {
  await expectCleanEnd('uncaught', { code: 1, signal: null });
});

test('an error thrown by a token callback ends the process as any uncaught error does', async () => {
  await expectCleanEnd('callbackThrows', { code: 1, signal: null });
});

test('a rejection that nobody handles ends the process as any rejection does', async () => {
  await expectCleanEnd('rejected', { code: 1, signal: null });
});

test('SIGTERM with work queued ends the process by that signal', async () => {
  await expectCleanEnd('terminated', { code: null, signal: 'SIGTERM' });
});
