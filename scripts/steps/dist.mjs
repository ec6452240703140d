import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root, say, SetupError } from './log.mjs';
import { runLines } from './run.mjs';

/** Bundles lib/ into dist/ when any source is newer. */
export async function ensureDist() {
  const outputs = ['index.mjs', 'index.cjs', 'train.mjs', 'train.cjs', 'cli.mjs'].map((name) => join(root, 'dist', name));
  const oldest = Math.min(...outputs.map((path) => (existsSync(path) ? statSync(path).mtimeMs : 0)));
  if (newestSource() <= oldest) return;
  say('dist: bundling the TypeScript sources');
  const log = [];
  const status = await runLines(process.execPath, [join(root, 'node_modules', 'tsdown', 'dist', 'run.mjs')], {
    onLine: (line) => log.push(line),
  });
  if (status !== 0) throw new SetupError(`dist was not built:\n${log.slice(-30).join('\n')}`);
}

function newestSource() {
  const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).map((name) => join('lib', name));
  const times = [...files, 'tsdown.config.ts', 'tsconfig.json', 'package.json'].map((name) => statSync(join(root, name)).mtimeMs);
  return Math.max(...times);
}
