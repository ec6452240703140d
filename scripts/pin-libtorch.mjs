// node scripts/pin-libtorch.mjs 2.11.0 2.14.1 2.15.0: writes lib/libtorch/pinned-wheels.ts. Lets pip resolve what each torch needs,
// downloads every wheel whole (some gigabytes), holds it against the sha256 of the index, and notes that and the sha256 of the RECORD
// inside.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadLibtorchModule } from './steps/libtorch.mjs';
import { root, runMain, say, SetupError } from './steps/log.mjs';

const TARGET = join(root, 'lib', 'libtorch', 'pinned-wheels.ts');
const MANYLINUX = [...Array.from({ length: 24 }, (_, i) => `manylinux_2_${28 - i}_x86_64`), 'manylinux2014_x86_64', 'manylinux1_x86_64'];

await runMain(async () => {
  const versions = process.argv.slice(2);
  if (versions.length === 0 || !versions.every((version) => /^\d+\.\d+\.\d+$/.test(version)))
    throw new SetupError('expected versions of torch, such as 2.11.0');
  const libtorch = await loadLibtorchModule();
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-pins-'));
  try {
    const pinned = {};
    const known = new Map();
    for (const version of versions) pinned[version.replace(/\.\d+$/, '')] = await pinTorch(version, folder, libtorch, known);
    writeFileSync(TARGET, render(pinned));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function pinTorch(version, folder, libtorch, known) {
  const wheels = [];
  for (const { url, sha256, name, version: of } of resolveWheels(version, folder)) {
    const pin = known.get(url) ?? (await pinWheel({ url, sha256, name, version: of }, folder, libtorch));
    known.set(url, pin);
    wheels.push(pin);
  }
  return { version, cuda: cudaOf(wheels), wheels };
}

function resolveWheels(version, folder) {
  const report = join(folder, 'report.json');
  const platform = [
    '--python-version',
    '3.11',
    '--implementation',
    'cp',
    '--only-binary=:all:',
    ...MANYLINUX.flatMap((tag) => ['--platform', tag]),
  ];
  const args = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--dry-run',
    '--ignore-installed',
    '--report',
    report,
    '--target',
    join(folder, 'none'),
    ...platform,
    `torch==${version}`,
  ];
  const { status, stderr } = spawnSync(process.env.HYPERFIT_PYTHON || 'python3', args, { encoding: 'utf8' });
  if (status !== 0) throw new SetupError(stderr);
  const { install } = JSON.parse(readFileSync(report, 'utf8'));
  const all = install.map(({ metadata, download_info: { url, archive_info } }) => ({
    name: metadata.name,
    version: metadata.version,
    url,
    sha256: archive_info.hashes.sha256,
  }));
  return all
    .filter(({ name }) => name === 'torch' || (name.startsWith('nvidia-') && name !== 'nvidia-cuda-cccl'))
    .sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1));
}

function order({ name }) {
  return Number(name !== 'torch');
}

async function pinWheel({ url, sha256, name, version }, folder, libtorch) {
  const file = decodeURIComponent(basename(new URL(url).pathname));
  const path = join(folder, file);
  say(`pin: ${file}`);
  const response = await fetch(url);
  if (!response.ok) throw new SetupError(`${url}: ${response.status}`);
  const hash = createHash('sha256');
  const measure = new Transform({ transform: (block, _, done) => (hash.update(block), done(null, block)) });
  await pipeline(Readable.fromWeb(response.body), measure, createWriteStream(path));
  const found = hash.digest('hex');
  if (found !== sha256) throw new SetupError(`expected sha256 ${sha256} for ${file}, got ${found}`);
  const { record, uses } = await libtorch.describeWheel(
    path,
    [false, true].map((cuda) => libtorch.wantedFiles(name, cuda)),
  );
  const [cpu, cuda] = uses.map((use) => use && [use.download, use.disk]);
  const pin = { name, version, file, fileBytes: statSync(path).size, sha256, record, cpu, cuda };
  rmSync(path);
  return pin;
}

/** torch's version.py says it too; the runtime it asks for is of the same CUDA. */
function cudaOf(wheels) {
  return /^\d+\.\d+/.exec(wheels.find(({ name }) => name === 'nvidia-cuda-runtime').version)[0];
}

/** A wheel that several series take is written once. */
function render(pinned) {
  const wheels = new Map(Object.values(pinned).flatMap((torch) => torch.wheels.map((wheel) => [keyOf(wheel), wheel])));
  const series = Object.entries(pinned).map(
    ([name, torch]) =>
      `  '${name}': {\n    version: '${torch.version}',\n    cuda: '${torch.cuda}',\n    wheels: [\n${torch.wheels.map((wheel) => `      WHEELS['${keyOf(wheel)}'],\n`).join('')}    ],\n  },\n`,
  );
  return `import type { PinnedTorch, PinnedWheel } from './pins.ts';

// Written by scripts/pin-libtorch.mjs, from whole wheels that had the sha256 of the package index.

const WHEELS = {
${[...wheels].map(([key, wheel]) => renderWheel(key, wheel)).join('')}} satisfies Record<string, PinnedWheel>;

/** By series, the oldest first. */
export const PINNED: Readonly<Record<string, PinnedTorch>> = {
${series.join('')}};
`;
}

function keyOf({ name, version }) {
  return `${name} ${version}`;
}

function renderWheel(key, { name, version, file, fileBytes, sha256, record, cpu, cuda }) {
  const pair = (use) => (use === null ? 'null' : `[${use.join(', ')}]`);
  return `  '${key}': {
    name: '${name}', version: '${version}', fileBytes: ${fileBytes}, cpu: ${pair(cpu)}, cuda: ${pair(cuda)},
    file: '${file}',
    sha256: '${sha256}', record: '${record}',
  },
`;
}
