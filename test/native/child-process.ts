import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../../lib/addon.ts';
import { addonFiles } from '../../lib/libtorch/series.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';

export interface ChildResult {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** What children/load.cjs needs to load the addon that this process has found. */
function describeAddon(): string {
  const { libtorch, path } = loadAddon();
  const libraries = ['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so']
    .map((name) => join(libtorch.libFolder, name))
    .filter((library) => existsSync(library));
  return JSON.stringify({ preloader: addonFiles().preloader, libraries, addon: path });
}

/** A tiny model as native code takes it: the children know nothing of model files. */
async function describeModel(): Promise<string> {
  const { config, sources } = await openModelFiles(join(__dirname, '../fixtures/models/llama-tied-gqa'));
  return JSON.stringify({ config, sources });
}

/** Runs test/native/children/<script> in a plain Node process inside `folder`. */
export async function runChild(script: string, args: readonly string[], folder: string): Promise<ChildResult> {
  const env = {
    ...process.env,
    HYPERFIT_TEST_ADDON: describeAddon(),
    HYPERFIT_TEST_MODEL: await describeModel(),
    HYPERFIT_TEST_FOLDER: folder,
  };
  const child = spawn(process.execPath, [join(__dirname, 'children', script), ...args], { env, cwd: folder });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
}
