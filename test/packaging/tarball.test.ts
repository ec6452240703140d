import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { findLibtorch, searchLibtorch } from '../../lib/libtorch/find.ts';
import { PINNED_SERIES } from '../../lib/libtorch/pins.ts';
import { linksOf } from '../docs/markdown.ts';
import { fakeTorch } from '../libtorch/fake-torch.ts';
import { GUARD_MODULE } from '../stand-ins/guard.ts';
import { aboveFloor, askedOfKernels, exportedFunctions, isStripped, neededLibraries } from './binary.ts';
import { describeDocuments } from './documents-as-written.ts';
import { describeExamples } from './examples-as-written.ts';
import { Reader } from './reader.ts';

// One tarball for all, and one registry on this machine, so that no installation asks the network. The long form has the addons of every
// series in it, which takes an hour to compile the first time: HYPERFIT_TEST_SERIES=all npm test -- test/packaging/tarball

const root = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-pack-'));
const libtorch = findLibtorch();
const asked = process.env.HYPERFIT_TEST_SERIES;
const series = asked === undefined ? [libtorch.series!] : asked === 'all' ? PINNED_SERIES : asked.split(',');
const MODEL = join(root, 'test/fixtures/models/llama-tied-gqa');
const CPU_KERNELS = `cpu-kernels-${(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version}.so`;

interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}

let packed: Packed;
let tarball: string;
let registry: ChildProcess;
let address: string;

beforeAll(
  async () => {
    const kernels =
      spawnSync(process.execPath, ['scripts/kernels.mjs', '--fetch'], { cwd: root }).status === 0 ? [] : ['--without-kernels'];
    runIn(root, process.execPath, ['scripts/prebuild.mjs', '--series', series.join(','), ...kernels]);
    packed = (JSON.parse(runIn(root, 'npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder])) as Packed[])[0]!;
    tarball = join(folder, packed.filename);
    registry = spawn(process.execPath, [join(__dirname, 'registry.mjs'), root, tarball], { stdio: ['ignore', 'pipe', 'inherit'] });
    address = await new Promise((resolve) => registry.stdout!.once('data', (text: Buffer) => resolve(text.toString().trim())));
  },
  asked === undefined ? 600_000 : 4 * 3_600_000,
);

afterAll(() => {
  registry?.kill();
  for (const path of [folder, join(root, 'prebuilds'), join(root, 'headers')]) rmSync(path, { recursive: true, force: true });
});

function runIn(cwd: string, command: string, args: string[], env: NodeJS.ProcessEnv = process.env): string {
  const run = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: asked === undefined ? 600_000 : 4 * 3_600_000 });
  if (run.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${run.error?.message ?? ''}${run.stdout}${run.stderr}`);
  return run.stdout;
}

describe('what is in it', () => {
  test('the bundle, the binaries, the sources of the addon, the documents, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const platform = `prebuilds/${process.platform}-${process.arch}`;
    const expected = [
      'package.json',
      'README.md',
      'LICENSE',
      'THIRD_PARTY_NOTICES.md',
      'dist/index.mjs',
      'dist/index.cjs',
      'dist/index.d.mts',
      'dist/index.d.cts',
      'dist/cli.mjs',
    ];
    const sources = ['CMakeLists.txt', 'native/preload/preload.cc', 'headers/napi.h', 'headers/node_api.h'];
    expect(paths).toEqual(
      expect.arrayContaining([
        ...expected,
        ...sources,
        'docs/cli.md',
        `${platform}/hyperfit.node`,
        `${platform}/series/torch-${libtorch.series}.node`,
        `${platform}/series/${CPU_KERNELS}`,
      ]),
    );
    const top =
      /^(package\.json|config\.schema\.json|README\.md|LICENSE|THIRD_PARTY_NOTICES\.md|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|CMakeLists\.txt)$/;
    const below =
      /^(dist\/((cli|parts)\/)?[^/]+\.(m|c)?(js|ts)|prebuilds\/[^/]+\/((hyperfit|series\/torch-\d+\.\d+)\.node|series\/cpu-kernels-[\d.]+\.so|cuda-kernels\.bin\.br)|native\/.+\.(cc|h|cu|map)|headers\/\w[\w.-]+\.h|docs\/.+|examples\/.+)$/;
    expect(paths.filter((path) => !top.test(path) && !below.test(path))).toEqual([]);
    expect(packed.size).toBeLessThan(5e6 - (PINNED_SERIES.length - series.length) * 6e5); // room for the addons that are not compiled here
  });

  test('every relative link of the README and of its documents leads to a file of the package, but for study pages and what is for a checkout', () => {
    const paths = packed.files.map(({ path }) => path);
    const isThere = (link: string): boolean => paths.some((path) => path === link || path.startsWith(`${link}/`));
    const documents = paths.filter((path) => path.endsWith('.md') && path !== 'CONTRIBUTING.md');
    const targets = documents.flatMap((path) =>
      linksOf(path)
        .filter((target) => !/^([a-z]+:|#)/.test(target))
        .map((target) => ({ path, target })),
    );
    const links = targets.map(({ path, target }) => ({ path, link: posix.join(posix.dirname(path), target.split('#')[0]!) }));
    expect(links.filter(({ path }) => path === 'README.md').length).toBeGreaterThan(5);
    expect(
      links.filter(({ link }) => !isThere(link) && !/^(docs\/studies\/.+\.html|(bench|lib|scripts|site|test)\/.+)$/.test(link)),
    ).toEqual([]);
    expect(paths.filter((path) => path.startsWith('docs/studies/'))).toEqual([]);
  });

  test('the device that stands in for a card in tests is built, and not shipped', () => {
    expect(existsSync(GUARD_MODULE)).toBe(true);
    expect(packed.files.filter(({ path }) => path.includes('guard.node') || path.startsWith('test/'))).toEqual([]);
  });

  test('nothing runs at install, and only systems that have a binary are declared', () => {
    const { scripts, ...manifest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    } & Record<string, unknown>;
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prebuild'];
    expect(Object.keys(scripts).filter((name) => hooks.includes(name))).toEqual([]);
    expect(manifest).toMatchObject({ gypfile: false, os: ['linux'], cpu: ['x64'], libc: ['glibc'], license: 'MIT' });
    // Package managers that find a binding.gyp compile at install, whatever gypfile says.
    expect(packed.files.filter(({ path }) => path.endsWith('binding.gyp'))).toEqual([]);
  });

  test('publint finds nothing to mend', () => {
    const run = spawnSync(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), 'run', tarball, '--strict'], {
      encoding: 'utf8',
    });
    expect({ status: run.status, output: run.stdout + run.stderr }).toEqual({ status: 0, output: expect.stringContaining('All good') });
  });

  test('types resolve for every kind of import', () => {
    const run = spawnSync(
      process.execPath,
      [join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js'), tarball, '--format', 'ascii', '--no-emoji', '--no-color'],
      { encoding: 'utf8' },
    );
    expect({ status: run.status, output: run.stdout + run.stderr }).toEqual({
      status: 0,
      output: expect.stringContaining('No problems found'),
    });
  }, 120_000);
});

/** A PATH with node and npm, and nothing that could compile. */
function bareEnvironment(home: string, registryAddress: string | undefined): NodeJS.ProcessEnv {
  const bin = join(home, '.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
  const npm = runIn(root, 'sh', ['-c', 'readlink -f "$(command -v npm)"']).trim();
  symlinkSync(npm, join(bin, 'npm'));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  const kept = Object.entries(process.env).filter(([name]) => !/^(LIBTORCH|HYPERFIT_|CC$|CXX$|npm_)/i.test(name));
  const npmSettings = {
    npm_config_cache: join(folder, 'npm-cache'),
    npm_config_userconfig: '/dev/null',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  };
  const more = registryAddress === undefined ? {} : { npm_config_registry: registryAddress };
  return {
    ...Object.fromEntries(kept),
    ...npmSettings,
    ...more,
    HOME: home,
    PATH: bin,
    LIBTORCH: libtorch.path,
    HYPERFIT_CACHE: join(folder, 'cache'),
  };
}

function project(name: string, files: Record<string, string>): string {
  const home = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
  }
  return home;
}

const TRAIN = `
  import { Model, hyperfit } from 'hyperfit';
  const model = await Model.load(process.argv[2]);
  const sequences = [Int32Array.from({ length: 8 }, (_, i) => i + 1), Int32Array.from({ length: 8 }, (_, i) => 12 - i)];
  const result = await hyperfit(model, { data: sequences, sequenceLength: 8, batchSize: 2, samples: 2, maxSteps: 1, learningRate: 1e-3 });
  console.log(JSON.stringify(result));
`;
const HYPERFIT = `
  import { doctor, Model, hyperfit } from 'hyperfit';
  const model = await Model.load(process.argv[2]);
  const sequences = [Int32Array.from({ length: 16 }, (_, i) => i + 1), Int32Array.from({ length: 16 }, (_, i) => 20 - i)];
  const losses = [];
  for await (const event of hyperfit(model, { data: sequences, sequenceLength: 16, batchSize: 2, samples: 2, maxSteps: 6, learningRate: 1e-3 })) {
    if (event.type === 'step') losses.push(event.loss);
  }
  const written = await model.generate([[1, 2, 3], [20, 19]], { maxNewTokens: 32, minNewTokens: 32 });
  console.log(JSON.stringify({ builtFor: doctor().runtime.builtFor, losses, ids: written.map(({ ids }) => [...ids]) }));
`;
const WORKER = `
  import { Worker } from 'node:worker_threads';
  const worker = new Worker(new URL('train.mjs', import.meta.url), { argv: [process.argv[2]] });
  worker.on('exit', (code) => (process.exitCode = code));
`;
const REQUIRE = `
  const { Tensor } = require('hyperfit');
  console.log(JSON.stringify([...Tensor.from([1, 2]).add(1).toArray()]));
`;
const MANIFEST = '{"name": "clean", "private": true}';
const STEP = { reason: 'maxSteps', step: 1 };

describe('an addon for each series of libtorch', () => {
  let home: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(() => {
    home = project('series', { 'package.json': MANIFEST, 'hyperfit.mjs': HYPERFIT });
    env = bareEnvironment(home, address);
    runIn(home, 'npm', ['install', tarball], env);
  }, 600_000);

  function train(path: string): { builtFor: string; losses: number[]; ids: number[][] } {
    return JSON.parse(runIn(home, 'node', ['hyperfit.mjs', MODEL], { ...env, LIBTORCH: path })) as ReturnType<typeof train>;
  }

  for (const name of PINNED_SERIES) {
    const isHere = series.includes(name);
    (isHere ? test : test.skip)(
      `${name}: it is small, asks for no newer system than libtorch, is the one that is loaded, and writes the same ids${isHere ? '' : ' (HYPERFIT_TEST_SERIES=all compiles it)'}`,
      () => {
        const path = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'series', `torch-${name}.node`);
        expect({
          above: aboveFloor(path),
          stripped: isStripped(path),
          torch: neededLibraries(path)
            .filter((library) => /torch|c10|cuda/.test(library))
            .sort(),
        }).toEqual({
          above: [],
          stripped: true,
          torch: ['libc10.so', 'libtorch_cpu.so'],
        });
        expect(statSync(path).size).toBeLessThan(2e6);
        const kernels = exportedFunctions(join(dirname(path), CPU_KERNELS));
        expect(askedOfKernels(path).filter((name) => !kernels.includes(name))).toEqual([]);
        const [own, first] = [name, series[0]!].map((which) => train(folderOf(which)));
        expect(own).toEqual({ builtFor: name, ids: first!.ids, losses: first!.losses.map((loss) => expect.closeTo(loss, 4)) });
      },
      600_000,
    );
  }

  test('another one is refused before it is opened, in words that say which there are', () => {
    const run = spawnSync('node', ['hyperfit.mjs', MODEL], {
      cwd: home,
      env: { ...env, LIBTORCH: fakeTorch(join(folder, 'old/torch'), '2.12.1') },
      encoding: 'utf8',
    });
    expect({ status: run.status, text: run.stderr }).toEqual({
      status: 1,
      text: expect.stringContaining(`expected libtorch ${series.join(' or ')}, got 2.12.1 in ${folder}`),
    });
    expect(run.stderr).toMatch(/ERR_LIBTORCH_VERSION/);
  });
});

/** What LIBTORCH names for the series that is tested here, and what was installed into the cache for the others. */
function folderOf(name: string): string {
  if (name === libtorch.series) return libtorch.path;
  const { LIBTORCH: _, ...others } = process.env;
  return searchLibtorch({ series: [name], python: false, env: others }).libtorch!.path;
}

describe('installed without a compiler', () => {
  const hasNamespaces = spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).status === 0;

  test(`npm, ${hasNamespaces ? 'without a network' : 'with a network'}: it trains a step, in a worker thread too; CommonJS and the command line work`, () => {
    const home = project('clean', { 'package.json': MANIFEST, 'train.mjs': TRAIN, 'worker.mjs': WORKER, 'use.cjs': REQUIRE });
    const env = bareEnvironment(home, undefined);
    const steps = [
      `npm install "${tarball}" >&2`,
      `node train.mjs "${MODEL}"`,
      `node worker.mjs "${MODEL}"`,
      'node use.cjs',
      'node node_modules/.bin/hyperfit doctor --json',
    ];
    writeFileSync(join(home, 'steps.sh'), `set -e\nPATH="${env.PATH}"\n${steps.join('\n')}\n`);
    const served = `exec "${process.execPath}" "${join(__dirname, 'registry.mjs')}" "${root}" "${tarball}" sh steps.sh`;
    const outside = { ...env, PATH: process.env.PATH };
    const output = hasNamespaces
      ? runIn(home, 'unshare', ['-rn', 'sh', '-c', `ip link set lo up && ${served}`], outside)
      : runIn(home, 'sh', ['-c', served], outside);
    const [trained, inWorker, required, doctor] = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect([trained, inWorker, required, doctor]).toEqual([
      expect.objectContaining(STEP),
      expect.objectContaining(STEP),
      [2, 3],
      expect.objectContaining({ ok: true }),
    ]);
    expect(spawnSync('c++', ['--version'], { env }).error).toMatchObject({ code: 'ENOENT' });
    const error = spawnSync('node', ['node_modules/.bin/hyperfit', 'build'], { cwd: home, env, encoding: 'utf8' });
    expect({ status: error.status, text: error.stderr }).toEqual({
      status: 3,
      text: expect.stringMatching(/expected cmake 3\.18 or newer on PATH, got none; install it/),
    });
  }, 600_000);

  test('a workspace whose packages share one node_modules', () => {
    const home = project('workspace', {
      'package.json': '{"name": "all", "private": true, "workspaces": ["packages/*"]}',
      'packages/app/package.json': `{"name": "app", "version": "1.0.0", "dependencies": {"hyperfit": "file:${tarball}"}}`,
      'packages/app/train.mjs': TRAIN,
    });
    const env = bareEnvironment(home, address);
    runIn(home, 'npm', ['install'], env);
    expect(existsSync(join(home, 'node_modules/hyperfit'))).toBe(true);
    expect(JSON.parse(runIn(join(home, 'packages/app'), 'node', ['train.mjs', MODEL], env))).toMatchObject(STEP);
  }, 600_000);

  const pnpm = join(root, 'node_modules/pnpm/bin/pnpm.cjs');
  (existsSync(pnpm) ? test : test.skip)(
    'pnpm, which links packages instead of laying them side by side',
    () => {
      const home = project('pnpm', { 'package.json': MANIFEST, 'train.mjs': TRAIN });
      const env = { ...bareEnvironment(home, address), npm_config_store_dir: join(folder, 'pnpm-store') };
      const output = runIn(home, 'node', [pnpm, 'add', tarball], env);
      expect(output).not.toMatch(/Ignored build scripts:.*hyperfit/);
      expect(realpathSync(join(home, 'node_modules/hyperfit'))).toContain('.pnpm');
      expect(JSON.parse(runIn(home, 'node', ['train.mjs', MODEL], env))).toMatchObject(STEP);
    },
    300_000,
  );

  test('on Alpine npm refuses it by name', () => {
    const npm = runIn(root, 'sh', ['-c', 'readlink -f "$(command -v npm)"']).trim();
    const { checkPlatform } = require(join(npm, '../../node_modules/npm-install-checks')) as {
      checkPlatform(manifest: object, force: boolean, system: object): void;
    };
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object;
    const on = (system: object) => () => checkPlatform(manifest, false, { os: 'linux', cpu: 'x64', libc: 'glibc', ...system });
    expect(on({})).not.toThrow();
    for (const system of [{ libc: 'musl' }, { cpu: 'arm64' }, { os: 'darwin' }]) expect(on(system)).toThrow(/Unsupported platform/);
  });
});

describe('followed by a reader of the documents, in an empty folder', () => {
  let reader: Reader;
  beforeAll(async () => {
    const home = join(folder, 'reader');
    reader = await new Reader(home, bareEnvironment(home, address)).arrive();
  });
  afterAll(() => reader?.leave());
  describeDocuments(() => reader);
  describeExamples(() => reader);
});

test('the sources in it are enough to configure a build, without node_modules', () => {
  const home = project('sources', {});
  mkdirSync(home);
  runIn(home, 'tar', ['-xzf', tarball]);
  const output = runIn(home, 'cmake', ['-S', 'package', '-B', 'build', `-DLIBTORCH=${libtorch.path}`]);
  expect(output).toContain(`libtorch ${libtorch.series} in ${libtorch.path}`);
}, 120_000);
