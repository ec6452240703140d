import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say, SetupError } from './log.mjs';
import { run } from './run.mjs';

/** `npm ci` when node_modules lacks something of package-lock.json, or has it in another version. */
export async function ensureDependencies() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  say(
    `npm dependencies: ${missing.length} missing or outdated (${missing.slice(0, 3).join(', ')}...), installing (about 130 MB to download, 460 MB on disk)`,
  );
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [command, ...first] = npm;
  const status = await run(command, [...first, 'ci', '--no-audit', '--no-fund']);
  if (status !== 0) throw new SetupError(`npm ci ended with status ${status}; check the network, then run it again`);
}

/** npm writes what it installed into node_modules/.package-lock.json. Optional ones may be for other platforms. */
function missingPackages() {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const present = readPackages(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(wanted)
    .filter(([path, entry]) => path !== '' && !entry.optional && present[path]?.version !== entry.version)
    .map(([path]) => path.replace(/^node_modules\//, ''));
}

function readPackages(path) {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')).packages ?? {}) : {};
}
