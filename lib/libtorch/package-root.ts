import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/** The folder of this package's package.json: the same for sources, for `dist/` and under a test runner. */
export function packageRoot(): string {
  found ??= climb(dirname(fileURLToPath(import.meta.url)));
  return found;
}

/** The version in package.json. */
export function packageVersion(): string {
  return readManifest(packageRoot()).version ?? 'unknown';
}

function climb(folder: string): string {
  if (existsSync(join(folder, 'package.json')) && readManifest(folder).name === 'hyperfit') return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('hyperfit: expected a package.json above the running file, got none; reinstall the package');
  return climb(parent);
}

function readManifest(folder: string): { name?: string; version?: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
}
