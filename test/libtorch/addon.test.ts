import { Worker } from 'node:worker_threads';
import { join } from 'node:path';
import { addon, loadAddon } from '../../lib/addon.ts';
import { SCALAR_TYPES } from '../../lib/addon-types.ts';
import { isHyperfitError } from '../../lib/errors.ts';
import { doctor, renderDoctor } from '../../lib/doctor.ts';

function caught(action: () => unknown): Error & { code?: string; cause?: unknown } {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error, got none');
}

test('the addon is loaded once', () => {
  expect(addon()).toBe(addon());
  expect(loadAddon().native).toBe(addon());
  expect(loadAddon({ libtorch: loadAddon().libtorch.path }).native).toBe(addon());
});

test('it was built for the series that was opened', () => {
  const { torchVersion, builtFor } = addon().libraryInfo();
  expect(torchVersion.startsWith(`${builtFor}.`)).toBe(true);
  expect(loadAddon().libtorch.series).toBe(builtFor);
});

test('another libtorch in the same process is refused', () => {
  const error = caught(() => loadAddon({ libtorch: '/another/torch' }));
  expect(error).toMatchObject({ code: 'ERR_CONFIG' });
  expect(error.message).toContain('got /another/torch; choose it before the first tensor or model');
});

test('a synchronous failure is a HyperfitError with the stack of its caller and the native error as cause', () => {
  const error = caught(() => addon().tensorInfo(12345));
  expect(isHyperfitError(error)).toBe(true);
  expect(error).toMatchObject({ code: 'ERR_DISPOSED', cause: { code: 'ERR_DISPOSED' } });
  expect(error.stack?.split('\n')[1]).toContain('addon.test.ts:'); // the wrapper does not show
});

test('a failure on the compute thread has the stack of the call that queued it', async () => {
  async function loadNothing(): Promise<unknown> {
    const source = { name: 'x', path: '/nowhere', offset: 0, byteLength: 4, type: 'F32', shape: [1] };
    return await addon().tensorsLoad([source], 'cpu');
  }
  const error = (await loadNothing().catch((reason: unknown) => reason)) as Error;
  expect(isHyperfitError(error)).toBe(true);
  expect(error.message).toContain('/nowhere');
  expect(error.stack).toContain('loadNothing');
});

test('a wrong JavaScript type is a plain TypeError', () => {
  const error = caught(() => addon().tensorInfo('seven' as unknown as number));
  expect(error.name).toBe('TypeError');
  expect(isHyperfitError(error)).toBe(false);
});

test('what libtorch says arrives without its C++ backtrace', () => {
  const { tensorFrom, tensorCall, tensorDispose } = addon();
  const handle = tensorFrom(new Float32Array(6), [2, 3], SCALAR_TYPES.float32, 'cpu');
  const error = caught(() => tensorCall('aten::mm', [{ handle }, { handle }], {}));
  tensorDispose(handle);
  expect(error.message).toMatch(/shapes cannot be multiplied/);
  expect(error.message).not.toMatch(/frame #\d|\.cpp:\d/);
});

test('a worker thread loads the addon for itself', async () => {
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Tensor } = require(workerData);
    parentPort.postMessage(Tensor.from([1, 2]).add(1).toArray());
  `;
  const dist = join(__dirname, '../../dist/index.cjs');
  const worker = new Worker(script, { eval: true, workerData: dist });
  const message = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  expect([...(message as number[])]).toEqual([2, 3]);
});

test('doctor describes what is loaded, and says that all is ready', () => {
  const report = doctor();
  expect(report).toMatchObject({ ok: true, node: process.version, addon: { path: loadAddon().path, error: null } });
  expect(report.runtime).toMatchObject({ builtFor: loadAddon().libtorch.series });
  const text = renderDoctor(report);
  for (const part of [loadAddon().libtorch.path, loadAddon().path, `for libtorch ${loadAddon().libtorch.series}`, process.version])
    expect(text).toContain(part);
  expect(report.addon.series).toMatchObject({ [loadAddon().libtorch.series!]: loadAddon().path });
  expect(text.split('\n').at(-1)).toBe('ready');
});

test('whether CUDA is there, and if not why, is known', () => {
  // A driver without a card, or a library that sees none of the cards, is told apart from one that serves.
  const { cuda, runtime } = doctor();
  expect(cuda.remedy === null).toBe(runtime?.cudaAvailable);
  expect(cuda.reason === 'loaded').toBe(runtime?.cudaAvailable);
  if (runtime?.cudaAvailable)
    expect(cuda).toMatchObject({ loaded: true, cards: expect.objectContaining({ length: runtime.cudaDeviceCount }) });
});
