import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freshFolder } from '../train/tiny.ts';

test('a checkout may stand in a folder whose name has spaces and other letters', () => {
  const root = join(freshFolder(), 'my texts, ä%20');
  const steps = join(root, 'scripts', 'steps');
  mkdirSync(steps, { recursive: true });
  copyFileSync(resolve(__dirname, '../../scripts/steps/log.mjs'), join(steps, 'log.mjs'));
  const program = "import { root } from './log.mjs'; process.stdout.write(root);";
  expect(execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: steps, encoding: 'utf8' })).toBe(root);
});
