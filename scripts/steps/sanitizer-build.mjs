import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { ensure } from '../setup.mjs';
import { root, SetupError } from './log.mjs';

/** Builds a target with a compiler's sanitizers in build-sanitize/NAME, apart from what is loaded otherwise. */
export async function buildSanitized(name, { compiler, target, defines }) {
  const { libtorch } = await ensure({ libtorch: true });
  const folder = join(root, 'build-sanitize', name);
  const settings = {
    CMAKE_BUILD_TYPE: 'Debug',
    CMAKE_CXX_FLAGS_DEBUG: '-O1',
    CMAKE_CXX_COMPILER: compiler,
    LIBTORCH: libtorch,
    HYPERFIT_WERROR: 'ON',
    ...defines,
  };
  call('cmake', ['-S', root, '-B', folder, ...Object.entries(settings).map(([key, value]) => `-D${key}=${value}`)]);
  call('cmake', ['--build', folder, '--parallel', String(availableParallelism()), ...(target === undefined ? [] : ['--target', target])]);
  return { folder, libtorch };
}

/** Where the libraries lie that libtorch asks for: beside it, or in packages of their own. */
export function libraryPath(libtorch) {
  const nvidia = join(dirname(libtorch), 'nvidia');
  let beside = [];
  try {
    beside = readdirSync(nvidia, { recursive: true, withFileTypes: true })
      .filter(({ name }) => name.includes('.so'))
      .map((entry) => entry.parentPath ?? entry.path);
  } catch {
    // A libtorch for the CPU alone.
  }
  return [join(libtorch, 'lib'), ...new Set(beside)].join(':');
}

function call(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new SetupError(`expected ${program} ${args[0]} to work, got status ${status}; the compiler's words are above`);
}
