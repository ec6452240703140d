import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const LIB = resolve(__dirname, '../lib');

/** A layer may import itself and whatever stands before it. */
const LAYERS = [
  'errors',
  'file-system',
  'disk-errors',
  'folders',
  'regular-file',
  'json-depth',
  'memory-room',
  'callbacks',
  'process-life',
  'http-server',
  'closing',
  'loopback',
  'download',
  'device-errors',
  'config',
  'hub',
  'libtorch',
  'samples',
  'addon-model-types',
  'addon-types',
  'addon-batch-types',
  'addon-pass-types',
  'addon',
  'control',
  'device',
  'compute-dtype',
  'cuda-report',
  'machine-report',
  'doctor',
  'tensor',
  'jinja',
  'tokenizer',
  'image',
  'generate',
  'model',
  'data',
  'checkpoint',
  'tensorboard',
  'train',
  'evaluate',
  'report',
  'run',
  'compare',
  'serve',
  'study',
  'play',
  'live',
  'cli',
  'subpaths',
  'index',
];

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sources(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

const layerOf = (path: string): string => relative(LIB, path).split('/')[0]!.replace(/\.ts$/, '');
const files = sources(LIB);

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/^(?:import|export)[^'"`;]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm)].map((match) =>
    resolve(dirname(path), match[1] ?? match[2]!),
  );
}

test('every file stands in a known layer', () => {
  expect(files.map(layerOf).filter((layer) => !LAYERS.includes(layer))).toEqual([]);
});

test('a layer imports only itself and the layers before it', () => {
  const backward = files.flatMap((path) =>
    importsOf(path)
      .filter((target) => LAYERS.indexOf(layerOf(target)) > LAYERS.indexOf(layerOf(path)))
      .map((target) => `${relative(LIB, path)} imports ${relative(LIB, target)}`),
  );
  expect(backward).toEqual([]);
});

test('files are reached by lib/file-system.ts alone, which says why', () => {
  const others = files.filter((path) => /^import (?!type)[^;]*'node:fs\/promises'/m.test(readFileSync(path, 'utf8')));
  expect(others.map((path) => relative(LIB, path))).toEqual([]);
});

test('imports are read at all', () => {
  expect(importsOf(join(LIB, 'train/training.ts'))).toContain(join(LIB, 'errors.ts'));
});

test('folders are made by lib/folders.ts alone: with `recursive` Node tries for ever below /proc', () => {
  const others = files.filter((path) => layerOf(path) !== 'folders' && /mkdir(Sync)?\([^;]*recursive/.test(readFileSync(path, 'utf8')));
  expect(others.map((path) => relative(LIB, path))).toEqual([]);
});

/** These read what they have just made or fetched by its hash, the package's own files, or the system's. */
const READ_THEMSELVES = ['regular-file.ts', 'machine-report.ts', 'libtorch', 'samples'];

test('files are opened for reading by regular-file.ts alone, which takes no pipe, device or folder', () => {
  const others = files.filter((path) => !READ_THEMSELVES.includes(relative(LIB, path).split('/')[0]!));
  const direct = others.filter((path) =>
    /\b(?:readFile|readFileSync|createReadStream)\b[^;]*from 'node:fs|(?<![.\w])open(?:Sync)?\([^;]*, 'r'\)/.test(
      readFileSync(path, 'utf8'),
    ),
  );
  // Folders are flushed through a handle.
  expect(direct.map((path) => relative(LIB, path))).toEqual(['checkpoint/atomic-folder.ts']);
});

test('files stay short enough to read in one sitting: 300 lines beside the comments that editors show', () => {
  const codeOf = (path: string): string => readFileSync(path, 'utf8').replace(/^ *\/\*\*.*?\*\/\n/gms, '');
  const long = files.filter((path) => codeOf(path).split('\n').length > 300).map((path) => relative(LIB, path));
  expect(long).toEqual([]);
});

describe('lines are at most 140 wide', () => {
  const root = resolve(LIB, '..');
  const folders = ['lib', 'native', 'test', 'scripts', 'bench', 'examples'];
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { encoding: 'utf8', recursive: true }).map((path) => join(folder, path)),
  );
  const wideLines = (path: string): string[] =>
    readFileSync(join(root, path), 'utf8')
      .split('\n')
      .filter((line) => line.length > 140);

  test('of C++ and CUDA', () => {
    expect(paths.filter((path) => /\.(h|cc|cu|cuh)$/.test(path) && wideLines(path).length > 0)).toEqual([]);
  });

  test('of TypeScript and JavaScript, but for a string or expression that nothing can break: `npm run format`', () => {
    const wide = paths.filter((path) => /\.(ts|mjs|cjs|js)$/.test(path) && wideLines(path).length > 0);
    const comments = wide.flatMap(wideLines).filter((line) => /^\s*(\/\/|\/?\*)/.test(line));
    expect(comments).toEqual([]);
    const { status, stderr } = spawnSync('node_modules/.bin/prettier', ['--check', ...wide], { cwd: root, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
