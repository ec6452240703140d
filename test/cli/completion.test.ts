import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshFolder } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const folder = freshFolder();
let script: string;
beforeAll(async () => {
  const { code, stdout } = await cli('completion', 'bash');
  expect(code).toBe(0);
  script = join(folder, 'hyperfit.bash');
  writeFileSync(script, stdout);
  mkdirSync(join(folder, 'here', 'novels'), { recursive: true });
  writeFileSync(join(folder, 'here', 'novel text.txt'), '');
});

/** What bash offers for the last of the words. */
function complete(...words: string[]): string[] {
  const line = `source ${script}; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hyperfit; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', line, 'bash', 'hyperfit', ...words], { encoding: 'utf8', cwd: join(folder, 'here') });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((each) => each !== '');
}

test.each([
  [['trai'], ['train']],
  [
    ['compare', ''],
    ['build', 'serve', 'score', 'judge', '--help'],
  ],
  [['compare', 'build', '--ag'], ['--against']],
  [['compare', 'build', '--against', ''], ['original']],
  [['generate', '--match-u'], ['--match-unit']],
  [['generate', '--compute-dtype', 'b'], ['bfloat16']],
  [
    ['train', '--data', 'nov'],
    ['novel text.txt', 'novels'],
  ],
  [['train', '--out', 'nov'], ['novels']],
  [['train', '--seed', ''], []],
  [
    ['report', 'nove'],
    ['novel text.txt', 'novels'],
  ],
  [['report', '--js'], ['--json']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish', '--help'],
  ],
  [['study', 'qual'], ['quality']],
])('bash: %j', (words, expected) => {
  expect(complete(...words).sort()).toEqual([...expected].sort());
});

const has = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

test.each([
  ['zsh', ['_arguments', '--model']],
  ['fish', ['-l model']],
])('%s: the script parses, where there is such a shell', async (shell, parts) => {
  const { stdout } = await cli('completion', shell as string);
  for (const part of parts as string[]) expect(stdout).toContain(part);
  const path = join(folder, `hyperfit.${shell as string}`);
  writeFileSync(path, stdout);
  if (has(shell as string)) expect(spawnSync(shell as string, ['-n', path], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
});

test('another shell is refused', async () => {
  expect(await cli('completion', 'tcsh')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Allowed choices are bash, zsh, fish'),
  });
});
