import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../lib/addon.ts';
import { chooseComputeDtype, fastestComputeDtype } from '../lib/compute-dtype.ts';
import { deviceHint, deviceIndex, isDeviceName, type DeviceName } from '../lib/config/device-name.ts';
import { checkEnvironment } from '../lib/config/environment.ts';
import { normalizeConfig } from '../lib/config/normalize.ts';
import { chooseDevice, requireDevice } from '../lib/device.ts';
import { Model } from '../lib/model/model.ts';

const CLI = join(__dirname, '../dist/cli.mjs');
const TINY = join(__dirname, 'fixtures/models/tiny-text');
/** More cards than any machine has, so that it is refused with a card too. */
const ABSENT = 'cuda:99';
const absent =
  /^expected a CUDA device for `(\w+)` cuda:99, got (none: .*; .*, or use device "cpu"|\d+ CUDA devices?, counted from cuda:0; choose one of them)/;

const folder = mkdtempSync(join(tmpdir(), 'hyperfit-device-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function hyperfit(args: readonly string[], env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } {
  const { HYPERFIT_DEVICE: _, HYPERFIT_COMPUTE_DTYPE: __, ...inherited } = process.env;
  return spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', env: { ...inherited, ...env }, timeout: 100_000 });
}

describe('what is written as a device', () => {
  test.each([
    ['cpu', true],
    ['cuda', true],
    ['cuda:0', true],
    ['cuda:17', true],
    ['cuda:01', false],
    ['cuda:', false],
    ['cuda:-1', false],
    ['CUDA', false],
    ['cpu:0', false],
    ['', false],
    [7, false],
    [null, false],
  ])('%p: %p', (text, isName) => {
    expect(isDeviceName(text)).toBe(isName);
  });

  test.each([
    ['gpu', 'cuda'],
    ['GPU', 'cuda'],
    ['CUDA', 'cuda'],
    ['cuda0', 'cuda:0'],
    ['cuda-1', 'cuda:1'],
    ['gpu:2', 'cuda:2'],
    ['cuda:01', 'cuda:1'],
    ['nvidia', 'cuda'],
    ['cudda', 'cuda'],
    ['CPU', 'cpu'],
    ['cpu:0', 'cpu'],
  ])('%s was probably meant to be %s', (text, meant) => expect(deviceHint(text)).toBe(` (did you mean ${meant}?)`));

  test.each([['mps'], ['xpu:0'], ['tpu3x'], [''], [undefined]])('of %p nobody knows', (text) =>
    expect(['', ' (did you mean cpu?)']).toContain(deviceHint(text)),
  );

  test('the index is that of the card', () => expect(['cuda', 'cuda:3'].map(deviceIndex)).toEqual([0, 3]));

  test('settings refuse it with the hint', () => {
    expect(() => normalizeConfig([{ name: 'flags', values: { device: 'gpu' } }])).toThrow(
      '`device` (flags, --device): expected cpu, cuda or cuda:N (did you mean cuda?), got "gpu"',
    );
  });
});

describe('who decides', () => {
  test('what is given, then the environment, then the CPU; whoever named it is named', () => {
    expect(chooseDevice(undefined, {})).toBe('cpu');
    expect(chooseDevice(undefined, { HYPERFIT_DEVICE: '' })).toBe('cpu');
    expect(chooseDevice('cpu', { HYPERFIT_DEVICE: ABSENT })).toBe('cpu');
    expect(() => chooseDevice(undefined, { HYPERFIT_DEVICE: ABSENT })).toThrow(absent);
    expect(() => chooseDevice(undefined, { HYPERFIT_DEVICE: 'gpu' })).toThrow(
      'for `HYPERFIT_DEVICE`, got "gpu" (did you mean cuda?); use one of these',
    );
    expect(chooseComputeDtype(undefined, { HYPERFIT_COMPUTE_DTYPE: 'bfloat16' })).toBe('bfloat16');
    expect(chooseComputeDtype('float32', { HYPERFIT_COMPUTE_DTYPE: 'bfloat16' })).toBe('float32');
    expect(() => chooseComputeDtype('bf16' as 'bfloat16', {})).toThrow(/for `computeDtype`, got "bf16" \(did you mean bfloat16\?\)/);
  });

  test.each([['gpu'], ['mps'], [''], [null], [3], [{}]])('Model.load refuses the device %p', async (device) => {
    await expect(Model.load(TINY, { device: device as DeviceName })).rejects.toMatchObject({
      code: 'ERR_DEVICE',
      message: expect.stringMatching(/expected "cpu", "cuda" or "cuda:<index>" for `device`.*use one of these/),
    });
    expect(() => requireDevice(device)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE' }));
  });

  test('Model.load refuses a card that is not there, before files are read', async () => {
    await expect(Model.load('/nowhere', { device: ABSENT })).rejects.toMatchObject({
      code: 'ERR_DEVICE',
      message: expect.stringMatching(absent),
    });
  });

  test('a model without a device of its own computes on that of the environment', async () => {
    process.env.HYPERFIT_DEVICE = ABSENT;
    process.env.HYPERFIT_COMPUTE_DTYPE = 'bfloat16';
    try {
      await expect(Model.load(TINY)).rejects.toThrow(absent);
      const model = await Model.load(TINY, { device: 'cpu' });
      expect([model.device, model.computeDtype]).toEqual(['cpu', 'bfloat16']);
      model.dispose();
    } finally {
      delete process.env.HYPERFIT_DEVICE;
      delete process.env.HYPERFIT_COMPUTE_DTYPE;
    }
  });

  test('the faster type follows from what multiplies pairs of bfloat16', () => {
    expect(fastestComputeDtype('cpu')).toBe(addon().libraryInfo().bfloat16Products ? 'bfloat16' : 'float32');
    if (!addon().libraryInfo().cudaAvailable) expect(fastestComputeDtype('cuda')).toBe('float32');
  });
});

describe('HYPERFIT_DEVICE in every command that computes', () => {
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'The lamps were lit along the quay, and nobody came; then the rain began again. '.repeat(400));
  const run = ['--samples', '4', '--sequence-length', '16', '--max-steps', '1', '--held-out-samples', '1'];
  const COMMANDS: readonly [string, readonly string[]][] = [
    ['train', ['train', '--model', TINY, '--data', text, '--out', join(folder, 'run'), ...run]],
    ['demo', ['demo', '--model', TINY, '--data', text, '--held-out', text, '--out', join(folder, 'demo'), '--max-steps', '1']],
    ['generate', ['generate', '--model', TINY, '--prompt', 'The', '--max-new-tokens', '2']],
    ['evaluate', ['evaluate', '--model', TINY, '--held-out', text]],
    [
      'study',
      [
        'study',
        'length',
        '--model',
        TINY,
        '--data',
        text,
        '--held-out',
        text,
        '--out',
        join(folder, 'study'),
        '--preset',
        'demo',
        '--max-steps',
        '1',
        '--seeds',
        '0',
      ],
    ],
  ];

  test.each(COMMANDS)('%s', (_, args) => {
    const wanted = hyperfit(args, { HYPERFIT_DEVICE: ABSENT });
    expect({ status: wanted.status, stderr: wanted.stderr }).toEqual({ status: 3, stderr: expect.stringMatching(/ERR_DEVICE.*cuda:99/) });
    const nonsense = hyperfit(args, { HYPERFIT_DEVICE: 'gpu' });
    expect({ status: nonsense.status, stderr: nonsense.stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/ERR_CONFIG.*HYPERFIT_DEVICE: expected cpu, cuda or cuda:N \(did you mean cuda\?\), got "gpu"/),
    });
  });

  test('a flag goes before it', () => {
    const { status, stdout, stderr } = hyperfit(
      ['generate', '--model', TINY, '--prompt', 'The', '--max-new-tokens', '2', '--device', 'cpu', '--json'],
      { HYPERFIT_DEVICE: ABSENT },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ generations: [{ prompt: 'The' }] });
  });

  test('data inspect reads no weights, and refuses nonsense alone', () => {
    const args = ['data', 'inspect', '--model', TINY, '--data', text, '--sequence-length', '16', '--json'];
    expect(hyperfit(args, { HYPERFIT_DEVICE: ABSENT }).status).toBe(0);
    expect(hyperfit(args, { HYPERFIT_DEVICE: 'gpu' })).toMatchObject({ status: 2, stderr: expect.stringMatching(/HYPERFIT_DEVICE/) });
  });

  test('a file goes behind the environment, and before the default', () => {
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ device: 'cuda:1' }));
    const shown = (env: NodeJS.ProcessEnv, more: readonly string[] = []): string =>
      (
        JSON.parse(hyperfit(['train', '--config', config, '--print-config', '--json', ...more], env).stdout) as {
          config: { device: string };
        }
      ).config.device;
    expect([shown({}), shown({ HYPERFIT_DEVICE: 'cuda:2' }), shown({ HYPERFIT_DEVICE: 'cuda:2' }, ['--device', 'cpu'])]).toEqual([
      'cuda:1',
      'cuda:2',
      'cpu',
    ]);
  });
});

describe('names in the environment', () => {
  test.each([
    ['HYPERFIT_DEVISE', 'HYPERFIT_DEVICE'],
    ['HYPERFIT_LR', 'HYPERFIT_LEARNING_RATE'],
    ['HYPERFIT_CACHED', 'HYPERFIT_CACHE'],
    ['HYPERFIT_DTYPE', 'HYPERFIT_COMPUTE_DTYPE'],
    ['HYPERFIT_BATCHSIZE', 'HYPERFIT_BATCH_SIZE'],
  ])('%s was probably meant to be %s', (name, meant) =>
    expect(() => checkEnvironment({ [name]: '1' })).toThrow(`got ${name} (did you mean ${meant}?)`),
  );

  test.each([['HYPERFIT_FOO'], ['HYPERFIT_XYZZY'], ['HYPERFIT_VERBOSE']])(
    '%s is near to none: what all of them begin with does not count',
    (name) => {
      expect(() => checkEnvironment({ [name]: '1' })).toThrow(new RegExp(`got ${name}; correct or unset it`));
    },
  );
});

test('docs/gpu.md names who decides', () => {
  const page = readFileSync(join(__dirname, '../docs/gpu.md'), 'utf8');
  for (const words of ['HYPERFIT_DEVICE', '--device', 'compute capability 8.0']) expect(page).toContain(words);
});
