import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import type { NativeAddon } from '../../lib/addon-types.ts';
import { runChild } from './child-process.ts';

test('no function crashes on nonsense, and each says no with a code', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-misuse-'));
  const { code, signal, stdout, stderr } = await runChild('misuse.cjs', [], folder);
  rmSync(folder, { recursive: true, force: true });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: expect.not.stringMatching(/terminate called/) as string });
  const report = JSON.parse(stdout) as { names: string[]; complaints: string[]; shape: number[] };
  expect(report.names.length).toBeGreaterThan(30);
  expect(report.complaints).toEqual([]);
  expect(report.shape).toEqual([2]); // and it still works afterwards
}, 120_000);

describe('handles', () => {
  const native = (): NativeAddon => addon();
  const make = (value: number): number => native().tensorFrom(new Float32Array([value]), [1], 6, 'cpu');
  const read = (handle: number): number => {
    const out = new Float32Array(1);
    native().tensorRead(handle, out);
    return out[0]!;
  };
  const disposed = expect.objectContaining({ code: 'ERR_DISPOSED' }) as Error;

  test('a stale handle is told from the one that took its slot', () => {
    const first = make(1);
    native().tensorDispose(first);
    const second = make(2);
    expect(second % 2 ** 20).toBe(first % 2 ** 20); // the same slot
    expect(() => read(first)).toThrow(disposed);
    native().tensorDispose(first);
    expect(read(second)).toBe(2);
    native().tensorDispose(second);
  });

  test('numbers that never were handles are refused', () => {
    for (const handle of [0, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 52, 2 ** 60, Number.MAX_VALUE, 2 ** 20 - 1, make(1) + 0.5]) {
      expect(() => native().tensorInfo(handle)).toThrow(disposed);
      expect(() => native().tensorCall('aten::neg', [{ handle }], {})).toThrow(disposed);
      native().tensorDispose(handle);
    }
  });

  test('a slot can be used a hundred thousand times', () => {
    const { liveTensors } = native().memoryStats();
    const seen = new Set<number>();
    for (let i = 0; i < 100_000; i++) {
      const handle = make(i);
      seen.add(handle);
      native().tensorDispose(handle);
    }
    expect(seen.size).toBe(100_000);
    expect(native().memoryStats().liveTensors).toBe(liveTensors);
  });
});

test('a typed array whose buffer was transferred away is refused', () => {
  const data = new Float32Array([1, 2]);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  expect(() => addon().tensorFrom(data, [2], 6, 'cpu')).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }) as Error);
});

test('a getter that throws is heard', () => {
  const trap = {
    get handle(): number {
      throw new Error('from the getter');
    },
  };
  expect(() => addon().tensorCall('aten::neg', [trap], {})).toThrow('from the getter');
});
