import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');
const PYTHON = join(homedir(), '.cache/hyperfit/fixtures-venv/bin/python');
/** More cards than any machine has. */
const ABSENT = 'cuda:99';

const folder = mkdtempSync(join(tmpdir(), 'hyperfit-bench-'));
const tokens = join(folder, 'tokens.json');
writeFileSync(tokens, JSON.stringify(Array.from({ length: 4000 }, (_, at) => (at * 7) % 40)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SETTINGS = { weights: join(ROOT, 'test/fixtures/models/llama-tied-gqa'), tokens, batch: 2, sequence: 16, steps: 1, newTokens: 4, promptLength: 8, mode: 'float32', dtype: 'float32' };

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } {
  const { HYPERFIT_DEVICE: _, BENCH_DEVICE: __, ...inherited } = process.env;
  return spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', env: { ...inherited, ...env } });
}

test.each(['train', 'decode', 'load', 'scale'])('bench:%s takes --device, and refuses what is none in one line', (name) => {
  const program = join('bench', `${name}.mjs`);
  expect(run(process.execPath, [program, '--help']).stdout).toMatch(/--device <value>.*HYPERFIT_DEVICE.*CPU only/);
  const refused = run(process.execPath, [program, '--device', 'gpu']);
  expect(refused).toMatchObject({ status: 1, stderr: 'error: expected cpu, cuda or cuda:N for --device, got "gpu"\n' });
  expect(run(process.execPath, [program], { HYPERFIT_DEVICE: 'gpu' }).stderr).toContain('got "gpu"');
});

test('an instruction set is the CPU\'s', () => {
  expect(run(process.execPath, ['bench/decode.mjs', '--device', 'cuda', '--instruction-set', 'avx2']).stderr).toMatch(/^error: expected --device cpu beside --instruction-set, got cuda; leave one out/);
});

test('llama.cpp is named as what it is when the others compute on a card', () => {
  const script = "import { chooseDevice, onCpuOnly } from './bench/lib/device.mjs'; const names = []; for (const d of ['cpu', 'cuda:1']) { chooseDevice(d); names.push(onCpuOnly('llama.cpp f32')); } console.log(JSON.stringify(names))";
  expect(JSON.parse(run(process.execPath, ['--input-type=module', '--eval', script]).stdout)).toEqual(['llama.cpp f32', 'llama.cpp f32 (CPU only)']);
});

test.each(['train', 'decode'])('our runner %s computes on the device it is told', (name) => {
  const args = [join('bench/runners', `${name}.mjs`), JSON.stringify(SETTINGS)];
  expect(run(process.execPath, args).status).toBe(0);
  const elsewhere = run(process.execPath, args, { BENCH_DEVICE: ABSENT });
  expect(elsewhere.status).not.toBe(0);
  expect(elsewhere.stderr).toMatch(/ERR_DEVICE|cuda:99/);
});

const withPeers = existsSync(PYTHON) ? describe : describe.skip;
withPeers(`the peers${existsSync(PYTHON) ? '' : ' (no Python with the pinned peers here)'}`, () => {
  test.each(['train', 'decode'])('%s.py computes on the device it is told', (name) => {
    const args = [join('bench/runners', `${name}.py`), JSON.stringify(SETTINGS)];
    const here = run(PYTHON, args);
    expect({ status: here.status, stderr: here.status === 0 ? '' : here.stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(here.stdout.trim().split('\n').at(-1)!)).toMatchObject({ milliseconds: expect.any(Array) });
    const elsewhere = run(PYTHON, args, { BENCH_DEVICE: ABSENT });
    expect(elsewhere.status).not.toBe(0);
    expect(elsewhere.stderr).toMatch(/NVIDIA driver|invalid device ordinal|CUDA/);
  }, 120_000);
});
