import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const folders: string[] = [];

/** A temporary folder that is removed by `removeTemporaries`. */
export function makeTemporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-test-'));
  folders.push(folder);
  return folder;
}

export function removeTemporaries(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Writes files given by path below `root`. */
export function writeFiles(root: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** A torch folder whose libraries are not libraries: whoever opens them fails. */
export function fakeTorch(root: string, version: string, more: Record<string, string> = {}): string {
  return writeFiles(root, {
    'version.py': `from typing import Optional\n__version__ = '${version}'\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n`,
    'lib/libtorch_cpu.so': 'not a library',
    'lib/libc10.so': 'not a library',
    ...more,
  });
}

/** A stand-in for python3 that prints `answer`, or fails when that is undefined. */
export function fakePython(root: string, answer: unknown): string {
  const script = answer === undefined ? 'echo "no such module" >&2; exit 1' : `cat <<'END'\n${JSON.stringify(answer)}\nEND`;
  writeFiles(root, { python: `#!/bin/sh\n${script}\n` });
  const path = join(root, 'python');
  chmodSync(path, 0o755);
  return path;
}
