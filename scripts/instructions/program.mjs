import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, SetupError } from '../steps/log.mjs';
import { runIn } from '../steps/run.mjs';

export const BUILD = join(root, 'build-cmake');
const HERE = join(root, 'scripts', 'instructions');
/** These are compiled for old C libraries, and no static one has such symbols. */
const OF_A_LIBRARY = ['glibc_floor.cc.o', 'dynamic_map.cc.o'];

/** The check and the kernels as they were compiled for the addon, in one static program, which needs no system. Gives its path. */
export function buildCheck() {
  const compiled = join(BUILD, 'CMakeFiles', 'cpu-kernels.dir');
  if (!existsSync(compiled)) throw new SetupError(`expected compiled kernels in ${compiled}, got none; run \`npm run build:native\` first`);
  const libtorch = /^LIBTORCH:\w+=(.+)$/m.exec(readFileSync(join(BUILD, 'CMakeCache.txt'), 'utf8'))[1];
  const program = join(BUILD, 'check-instructions');
  const sources = readdirSync(HERE)
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(HERE, name));
  sources.push(join(root, 'native', 'ops', 'dynamic_map.cc'));
  const headers = ['-I', join(root, 'native'), '-isystem', join(libtorch, 'include')];
  const objects = compiledFor('cpu-kernels')
    .filter((path) => !OF_A_LIBRARY.some((other) => path.endsWith(other)))
    .map((path) => relative(compiled, path));
  runIn(compiled, 'g++', ['-std=c++20', '-O1', '-Wno-psabi', '-static', '-no-pie', ...headers, ...sources, ...objects, '-o', program]);
  return program;
}

/** What a target is linked from. Its folder may also hold objects of sources that are gone. */
function compiledFor(target) {
  const commands = JSON.parse(readFileSync(join(BUILD, 'compile_commands.json'), 'utf8'));
  return commands
    .map(({ command }) => join(BUILD, / -o (\S+) /.exec(command)[1]))
    .filter((path) => path.startsWith(join(BUILD, 'CMakeFiles', `${target}.dir`, '/')));
}
