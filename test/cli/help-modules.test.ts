import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { CLI, ROOT, startProgram } from './cli-process.ts';

const LIB = resolve(ROOT, 'lib');

/**
 * What a command may be described with: words, settings and names. Layers below the command line, and single files that hold little more
 * than a list.
 */
const LIGHT = [
  /^cli\//,
  /^config\//,
  /^hub\//,
  /^download\//,
  /^(errors|disk-errors|file-system|regular-file|folders|callbacks|process-life)\.ts$/,
  /^libtorch\/(package-root|pins|pinned-wheels|install-size|progress|cache-folder)\.ts$/,
  /^report\/csv\.ts$/,
  /^generate\/(decoding-fields|options|logits-hook|check-[a-z-]+)\.ts$/,
  /^model\/(gguf-mix|gguf-types|save-dtypes)\.ts$/,
  /^evaluate\/(memorisation|signature|mauve-least-texts)\.ts$/,
  /^run\/patch-ranks\.ts$/,
  /^study\/study\.ts$/,
];
const PACKAGES = ['commander', 'zod'];

/** Files and packages that the `import` statements of a file load, by name; types and `import()` load nothing. */
function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/^(?:import|export)\s+(?!type\b)([^'"`;]*?)\s*from '([^']+)'/gm)]
    .filter(([, names = '']) => !isOfTypes(names))
    .map(([, , from = '']) => (from.startsWith('.') ? resolve(dirname(path), from) : from));
}

function isOfTypes(names: string): boolean {
  const [, braced] = /^\{([^}]*)\}$/.exec(names) ?? [];
  return braced !== undefined && braced.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '));
}

/** Each thing that a file loads, with the chain of files that leads to it. */
function chains(entry: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const visit = (path: string, before: readonly string[]): void => {
    if (found.has(path)) return;
    const chain = [...before, path.startsWith(LIB) ? relative(LIB, path) : path];
    found.set(path, chain);
    if (path.startsWith('/')) for (const next of importsOf(path)) visit(next, chain);
  };
  visit(entry, []);
  return found;
}

const isLight = (path: string): boolean =>
  path.startsWith('/') ? LIGHT.some((pattern) => pattern.test(relative(LIB, path))) : path.startsWith('node:') || PACKAGES.includes(path);

test('no description of a command loads the engine, a tokenizer, a reader or a trainer', () => {
  const commands = readdirSync(join(LIB, 'cli/commands')).map((file) => join(LIB, 'cli/commands', file));
  const heavy = [...commands, join(LIB, 'cli/main.ts')].flatMap((path) =>
    [...chains(path)].filter(([loaded]) => !isLight(loaded)).map(([, chain]) => chain.join(' > ')),
  );
  expect(heavy).toEqual([]);
});

test('what a command does is loaded by nobody but its description, when it is asked for', () => {
  const actions = readdirSync(join(LIB, 'cli/actions'));
  expect(actions.length).toBeGreaterThan(20);
  const described = readdirSync(join(LIB, 'cli/commands'))
    .map((file) => readFileSync(join(LIB, 'cli/commands', file), 'utf8'))
    .join('\n');
  expect(actions.filter((file) => !described.includes(`import('../actions/${file}')`))).toEqual([]);
  // The oracle of this test: an action is heavy.
  expect([...chains(join(LIB, 'cli/actions/evaluate.ts')).keys()].map((path) => relative(LIB, path))).toContain('tokenizer/tokenizer.ts');
});

const RECORDER = `process.on('exit', () => require('node:fs').writeFileSync(process.env.LOADED_MODULES, JSON.stringify(Object.keys(require.cache))));`;

test('the built command line that describes every command and its options loads none of them either', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-help-'));
  try {
    const [recorder, list] = [join(folder, 'recorder.cjs'), join(folder, 'loaded')];
    writeFileSync(recorder, RECORDER);
    // Completions are made of all that --help of any command shows.
    const { code, stdout } = await startProgram(process.execPath, ['--require', recorder, CLI, 'completion', 'bash'], {
      env: { LOADED_MODULES: list },
    }).finished;
    expect([code, stdout.includes('--citation-blocker'), stdout.includes('--feature-model')]).toEqual([0, true, true]);
    const loaded = (JSON.parse(readFileSync(list, 'utf8')) as string[]).filter((path) => path !== recorder);
    expect(loaded).toContain(resolve(ROOT, 'dist/cli.cjs'));
    expect(loaded.filter((path) => !path.startsWith(resolve(ROOT, 'dist/')) || path.endsWith('.node'))).toEqual([]);
    expect(loaded.reduce((sum, path) => sum + readFileSync(path).length, 0)).toBeLessThan(600_000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
