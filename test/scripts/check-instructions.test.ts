import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** By this processor. `--emulate` takes Bochs 3.0, and minutes. */

const SCRIPT = join(__dirname, '../../scripts/check-instructions.mjs');
const check = (...args: string[]) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });

jest.setTimeout(180_000);

test('kernels without libtorch or a system give what doubles give, by every set of instructions of this processor', () => {
  const { status, stdout, stderr } = check();
  expect({ status, stderr, faults: stdout.match(/^FAULT.*$/gm) }).toEqual({ status: 0, stderr: '', faults: null });
  expect(stdout).toMatch(/^instructions:.* plain$/m);
  // Tiles are emulated everywhere; the instruction itself and attention by pairs need a processor that has them.
  const checksOf = (part: string): number => Number(new RegExp(`^${part}: (\\d+) checks`, 'm').exec(stdout)?.[1]);
  expect(checksOf('few rows')).toBeGreaterThan(100);
  expect(checksOf('products')).toBeGreaterThan(100);
});

test('an option that it does not know is an error, with what it knows', () => {
  const { status, stderr } = check('--emulated');
  expect(status).toBe(1);
  expect(stderr).toMatch(/expected --emulate or nothing, got --emulated; usage: /);
});

test('without Bochs --emulate says how to get it', () => {
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT, '--emulate'], {
    encoding: 'utf8',
    env: { ...process.env, BOCHS: '/none/bochs' },
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/expected Bochs 3\.0 at \/none\/bochs, got "spawn .*ENOENT"; build it with AMX, .*BOCHS=/);
});
