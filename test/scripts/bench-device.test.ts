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

const SETTINGS = {
  weights: join(ROOT, 'test/fixtures/models/llama-tied-gqa'),
  tokens,
  batch: 2,
  sequence: 16,
  steps: 1,
  newTokens: 4,
  promptLength: 8,
  mode: 'float32',
  dtype: 'float32',
};

function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { status: number | null; stdout: string; stderr: string } {
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

test("an instruction set is the CPU's", () => {
  expect(run(process.execPath, ['bench/decode.mjs', '--device', 'cuda', '--instruction-set', 'avx2']).stderr).toMatch(
    /^error: expected --device cpu beside --instruction-set, got cuda; leave one out/,
  );
});

test.each(['train', 'decode'])('bench:%s takes every kind of processor, or one', (name) => {
  const program = join('bench', `${name}.mjs`);
  expect(run(process.execPath, [program, '--help']).stdout).toMatch(
    /--instruction-set <value>.*avx2, avx512, avx512_bf16, amx.*\(default: every\)/,
  );
  expect(run(process.execPath, [program, '--instruction-set', 'avx1'])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^error: expected every or newest or avx2 or .* for --instruction-set, got "avx1"\n$/),
  });
});

test('kinds of processors come in turn, the newest as it is', () => {
  const script = `
    import { inTurn, turnsOf } from './bench/lib/instruction-sets.mjs';
    const tiles = new Set(['avx2', 'fma', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_bf16', 'amx_tile', 'amx_bf16']);
    const seen = [];
    for (const choice of ['avx2', 'newest']) await inTurn(choice, ({ restricts }) => seen.push([restricts, process.env.BENCH_INSTRUCTION_SET ?? null]));
    console.log(JSON.stringify({ tiles: turnsOf('every', tiles), old: turnsOf('every', new Set(['avx2', 'fma'])), none: turnsOf('every', new Set()), card: turnsOf('every', tiles, true), one: turnsOf('avx512', tiles), seen }));`;
  const restricted = (name: string): object => ({ name, restricts: true });
  const whole = (name: string): object => ({ name, restricts: false });
  expect(JSON.parse(run(process.execPath, ['--input-type=module', '--eval', script]).stdout)).toEqual({
    tiles: [restricted('avx2'), restricted('avx512'), restricted('avx512_bf16'), whole('amx')],
    old: [whole('avx2')],
    none: [whole('plain')],
    card: [whole('amx')],
    one: [restricted('avx512')],
    seen: [
      [true, 'avx2'],
      [false, null],
    ],
  });
});

test('llama.cpp is named as what it is when the others compute on a card', () => {
  const script =
    "import { chooseDevice, onCpuOnly } from './bench/lib/device.mjs'; const names = []; for (const d of ['cpu', 'cuda:1']) { chooseDevice(d); names.push(onCpuOnly('llama.cpp f32')); } console.log(JSON.stringify(names))";
  expect(JSON.parse(run(process.execPath, ['--input-type=module', '--eval', script]).stdout)).toEqual([
    'llama.cpp f32',
    'llama.cpp f32 (CPU only)',
  ]);
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
  test.each(['train', 'decode'])(
    '%s.py computes on the device it is told',
    (name) => {
      const args = [join('bench/runners', `${name}.py`), JSON.stringify(SETTINGS)];
      const here = run(PYTHON, args);
      expect({ status: here.status, stderr: here.status === 0 ? '' : here.stderr }).toEqual({ status: 0, stderr: '' });
      expect(JSON.parse(here.stdout.trim().split('\n').at(-1)!)).toMatchObject({ milliseconds: expect.any(Array) });
      const elsewhere = run(PYTHON, args, { BENCH_DEVICE: ABSENT });
      expect(elsewhere.status).not.toBe(0);
      expect(elsewhere.stderr).toMatch(/NVIDIA driver|invalid device ordinal|CUDA/);
    },
    120_000,
  );
});
