// llama.cpp as a peer: node-llama-cpp with its CPU build in a folder of the cache, apart from this package's own dependencies
// (left alone, it also pulls CUDA and Vulkan builds), and GGUF copies of the model in the type to compare.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, say, SetupError } from '../../scripts/steps/log.mjs';

export const LLAMA_VERSION = '3.22.1';

/** Gives the address of the module to import. About 90 MB on disk, from npm alone; no script of a package is run. */
export function ensureLlamaCpp(cache) {
  const folder = join(cache, 'node-llama-cpp');
  const entry = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
  const binary = `@node-llama-cpp/${process.platform}-${process.arch}`;
  if (!existsSync(entry) || !existsSync(join(folder, 'node_modules', binary)))
    install(
      folder,
      ['node-llama-cpp', binary].map((name) => `${name}@${LLAMA_VERSION}`),
    );
  return pathToFileURL(entry).href;
}

function install(folder, packages) {
  say(`node-llama-cpp ${LLAMA_VERSION}: installing into ${folder}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}\n');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const { status } = spawnSync(
    npm[0],
    [...npm.slice(1), 'install', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', ...packages],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) throw new SetupError(`expected npm to install ${packages.join(' and ')}, it ended with ${status}`);
}

/** A copy of `source` with float32, bfloat16 or float16 matrices (`f32`, `bf16`, `f16`); gives its path. */
export function ensureGgufCopy({ source, target, type, python }) {
  if (existsSync(target)) return target;
  say(`${target}: copying ${source} as ${type}`);
  const { status } = spawnSync(python, [join(root, 'scripts', 'fixtures', 'gguf_copy.py'), source, target, type], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new SetupError(`expected a ${type} copy of ${source}; see the messages above`);
  return target;
}

/** The environment of the fixtures: torch, transformers and gguf at pinned versions. Gives the path of its python. */
export function ensurePython() {
  const done = spawnSync('bash', [join(root, 'scripts', 'fixtures.sh'), 'environment'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (done.status !== 0) throw new SetupError('expected a Python with the pinned peers; see the messages above');
  return done.stdout.trim().split('\n').at(-1);
}
