import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLibtorch } from '../../lib/libtorch/find.ts';
import { GUARD_MODULE } from '../stand-ins/guard.ts';

const root = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-pack-'));
const libtorch = findLibtorch();

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runIn(cwd: string, command: string, args: string[], env: NodeJS.ProcessEnv = process.env): string {
  const run = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 300_000 });
  if (run.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${run.error?.message ?? ''}${run.stdout}${run.stderr}`);
  return run.stdout;
}

interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}

let packed: Packed;

beforeAll(() => {
  runIn(root, process.execPath, ['scripts/prebuild.mjs']);
  packed = (JSON.parse(runIn(root, 'npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder])) as Packed[])[0]!;
}, 600_000);

test('the tarball holds the bundle, the binaries, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  const platform = `prebuilds/${process.platform}-${process.arch}`;
  expect(paths).toEqual(
    expect.arrayContaining([
      'package.json',
      'dist/index.mjs',
      'dist/index.cjs',
      'dist/index.d.mts',
      'dist/index.d.cts',
      'dist/cli.mjs',
      `${platform}/hyperfit.node`,
      `${platform}/series/torch-${libtorch.series}.node`,
    ]),
  );
  const allowed = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|config\.schema\.json|dist\/(?:cli\/)?[^/]+|prebuilds\/[^/]+\/(hyperfit|series\/torch-\d+\.\d+)\.node)$/;
  expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
  expect(packed.size).toBeLessThan(20e6);
});

test('the device that stands in for a card in tests is built, and not shipped', () => {
  expect(existsSync(GUARD_MODULE)).toBe(true);
  expect(readdirSync(join(root, 'build-cmake/artifacts'), { recursive: true }).filter((path) => String(path).includes('guard'))).toEqual([]);
  expect(packed.files.filter(({ path }) => path.includes('guard.node') || path.startsWith('test/'))).toEqual([]);
});

test('nothing runs at install', () => {
  const { scripts, gypfile } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string>; gypfile: boolean };
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prebuild'];
  expect(Object.keys(scripts).filter((name) => hooks.includes(name))).toEqual([]);
  expect(gypfile).toBe(false);
});

/** A PATH with node and npm, and nothing that could compile. */
function bareEnvironment(home: string): NodeJS.ProcessEnv {
  const bin = join(home, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const npm = runIn(root, 'sh', ['-c', 'readlink -f "$(command -v npm)"']).trim();
  symlinkSync(npm, join(bin, 'npm'));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  const kept = Object.entries(process.env).filter(([name]) => !/^(LIBTORCH|HYPERFIT_|CC$|CXX$)/.test(name));
  return { ...Object.fromEntries(kept), PATH: bin, LIBTORCH: libtorch.path };
}

const TRAIN = `
  import { Model, hyperfit } from 'hyperfit';
  const model = await Model.load(process.argv[2]);
  const sequences = [Int32Array.from({ length: 8 }, (_, i) => i + 1), Int32Array.from({ length: 8 }, (_, i) => 12 - i)];
  const result = await hyperfit(model, { data: sequences, sequenceLength: 8, batchSize: 2, samples: 2, maxSteps: 1, learningRate: 1e-3 });
  console.log(JSON.stringify(result));
`;

test('installed in a clean folder without a compiler, it trains a step', () => {
  const home = join(folder, 'clean');
  mkdirSync(home);
  const env = bareEnvironment(home);
  writeFileSync(join(home, 'package.json'), '{"name": "clean", "private": true}');
  runIn(home, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed.filename)], env);
  expect(spawnSync('c++', ['--version'], { env }).error).toMatchObject({ code: 'ENOENT' });
  writeFileSync(join(home, 'train.mjs'), TRAIN);
  const output = runIn(home, 'node', ['train.mjs', join(root, 'test/fixtures/models/llama-tied-gqa')], env);
  expect(JSON.parse(output)).toMatchObject({ reason: 'maxSteps', step: 1 });
}, 300_000);
