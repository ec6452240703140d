// npm run pack:device: one file that runs check:device on a machine that has Python and its PyTorch and nothing else: no network, Node,
// npm, compiler or xz. `python3 check-device.pyz --device cuda` there unpacks it and takes the options of check:device.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensure } from './setup.mjs';
import { root, runMain, say, SetupError } from './steps/log.mjs';
import { cpuKernels } from './steps/native.mjs';
import { tryKernels } from './steps/nvrtc.mjs';

const MOST_BYTES = 45e6;
const USAGE = `Usage: npm run pack:device -- [--out check-device.pyz] [--preset 6]

Packs Node, dist/, the runtime dependencies, the addon, the tiny models and check:device into one file of less than ${MOST_BYTES / 1e6} MB.
--preset 0 to 9 is that of xz: 6 takes about a minute, 1 some seconds for a file larger by a sixth.`;

const OWN = ['package.json', 'scripts/check-device.mjs', 'scripts/check-device', 'test/fixtures/models', 'dist'];
/** What no program reads at run time: maps, types, documents, tests, and binaries of other platforms. */
const LEFT_OUT = [
  /\.(map|md|markdown|flow|tsbuildinfo)$|\.d\.[cm]?ts$/,
  /^\/node_modules\/.*\/(test|tests|docs|examples?|\.github)\//,
  /\/tokenizers\.[^/]*\.node$/,
];
const OUR_TOKENIZERS = `/tokenizers.linux-${process.arch}-gnu.node`;

await runMain(async () => {
  const { out, preset, help } = options();
  if (help) return void process.stdout.write(`${USAGE}\n`);
  await ensure({ native: true, dist: true });
  const stage = mkdtempSync(join(tmpdir(), 'hyperfit-pack-'));
  try {
    await fill(stage);
    pack(stage, out, preset);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
});

function options() {
  const text = (fallback) => ({ type: 'string', default: fallback });
  const { values } = parseArgs({
    options: { out: text('check-device.pyz'), preset: text('6'), help: { type: 'boolean', default: false } },
  });
  if (!/^\d$/.test(values.preset)) throw new SetupError(`expected 0 to 9 for --preset, got ${JSON.stringify(values.preset)}`);
  return { ...values, out: resolve(values.out) };
}

/** A small checkout: the paths are those of the large one, so that nothing has to know that it is packed. */
async function fill(stage) {
  const { TORCH_SERIES } = await import('../dist/libtorch.mjs');
  const compiled = ['preload.node', `torch-${TORCH_SERIES}.node`, cpuKernels()].map((name) => join('build-cmake', 'Release', name));
  const kernels = await tryKernels();
  for (const path of [...OWN, ...packages(), ...compiled, ...(kernels === undefined ? [] : [relative(root, kernels)])]) copy(path, stage);
  mkdirSync(join(stage, 'bin'));
  cpSync(process.execPath, join(stage, 'bin', 'node'), { dereference: true });
  // Names of symbols are an eighth of Node. Without a strip the file is only larger.
  spawnSync(
    'strip',
    ['bin/node', ...compiled].map((path) => join(stage, path)),
  );
}

function copy(path, stage) {
  const target = join(stage, path);
  mkdirSync(dirname(target), { recursive: true });
  const filter = (source) => isWanted(source.slice(root.length)) && !source.slice(join(root, path).length).includes('/node_modules');
  cpSync(join(root, path), target, { recursive: true, dereference: true, filter });
}

function isWanted(path) {
  return path.endsWith(OUR_TOKENIZERS) || !LEFT_OUT.some((pattern) => pattern.test(path));
}

/** What package-lock.json counts as needed at run time; one inside another is there by itself. */
function packages() {
  const { packages: all } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const needed = Object.entries(all).filter(([path, { dev, devOptional, optional }]) => path !== '' && !dev && !devOptional && !optional);
  return needed.map(([path]) => path);
}

function pack(stage, out, preset) {
  const started = performance.now();
  const python = process.env.HYPERFIT_PYTHON || 'python3';
  const packer = join(root, 'scripts', 'pack-device', 'pack.py');
  const { status, error } = spawnSync(python, [packer, stage, out, preset, process.arch], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new SetupError(`expected ${python} to pack ${stage}, got ${error?.message ?? `status ${status}`}`);
  const { size } = statSync(out);
  const megabytes = (size / 1e6).toFixed(1);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  say(`pack: ${megabytes} MB in ${seconds} s; run it with \`python3 ${out} --device cuda\``);
  const remedy = 'look at what of node_modules got in';
  if (size >= MOST_BYTES) throw new SetupError(`expected less than ${MOST_BYTES / 1e6} MB, got ${megabytes}; ${remedy}`);
  process.stdout.write(`${out}\n`);
}
