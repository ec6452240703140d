import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { COMMANDS } from '../../lib/cli/command-list.ts';
import { buildProgram } from '../../lib/cli/program.ts';
import { cli, CLI, ROOT } from './cli-process.ts';

const walk = (command: Command): Command[] => [command, ...command.commands.flatMap(walk)];

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

test('every command and command of a command ends its help with an example that is a line of it', async () => {
  const without = walk(await buildProgram()).filter((command) => {
    const [, examples] = /\nExamples?:\n([^]*)$/.exec(helpOf(command)) ?? [];
    const words = [
      ...(function* path(at: Command | null): Generator<string> {
        if (at !== null) {
          yield* path(at.parent);
          yield at.name();
        }
      })(command),
    ];
    return !(examples ?? '').split('\n').some((line) => line.includes(words.join(' ')));
  });
  expect(without.map((command) => command.name())).toEqual([]);
});

test('every option of every command has words', async () => {
  const silent = walk(await buildProgram()).flatMap((command) =>
    command.options.filter(({ description, hidden }) => !hidden && description === '').map(({ flags }) => `${command.name()} ${flags}`),
  );
  expect(silent).toEqual([]);
});

test('the list names each command as its file does, and a listing loads none of them', async () => {
  const names = COMMANDS.map(({ name }) => name);
  expect((await buildProgram()).commands.map((command) => command.name())).toEqual(names);
  const listed = await buildProgram(() => false);
  expect(listed.commands.map((command) => [command.name(), command.summary(), command.options.length])).toEqual(
    COMMANDS.map(({ name, summary }) => [name, summary, 0]),
  );
});

/** The built files that `import` statements reach from one of them, and the packages. */
function closure(entry: string): { files: string[]; packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    if (files.has(path)) return;
    files.add(path);
    for (const [, name] of readFileSync(path, 'utf8').matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)"|^import "([^"]+)"/gm)) {
      if (name?.startsWith('.') === true) visit(join(dirname(path), name));
      else if (name?.startsWith('node:') === false) packages.add(name);
    }
  };
  visit(entry);
  return { files: [...files].map((path) => relative(ROOT, path)), packages: [...packages] };
}

test('what --help loads is small: no package, no reader, no engine', () => {
  const { files, packages } = closure(CLI);
  expect(packages).toEqual([]);
  expect(files.length).toBeLessThanOrEqual(12);
  expect(files.reduce((sum, path) => sum + readFileSync(join(ROOT, path)).length, 0)).toBeLessThan(250_000);
});

test('help names every command, and help of one shows its options', async () => {
  const { stdout } = await cli('--help');
  for (const { name, summary } of COMMANDS) expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`${name} ${summary}`);
  const [long, short] = await Promise.all([cli('help', 'tokenize'), cli('tokenize', '--help')]);
  expect(long.stdout).toBe(short.stdout);
  expect(short.stdout).toContain('--text <text>');
});

test('an unknown command is named with its neighbour', async () => {
  expect(await cli('genrate')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/unknown command 'genrate'[^]*Did you mean generate\?/),
  });
});
