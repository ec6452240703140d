// A package registry on this machine, for installations without a network: the runtime dependencies of the checkout as they lie in
// node_modules, and one tarball. Usage: registry.mjs CHECKOUT TARBALL [COMMAND...]; prints its address, or runs COMMAND with it in
// npm_config_registry and ends with it.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [checkout, tarball, ...command] = process.argv.slice(2);
const packages = new Map();

function add(manifest, pack) {
  packages.set(manifest.name, [...(packages.get(manifest.name) ?? []), { manifest, pack }]);
}

const { packages: locked } = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8'));
for (const [path, { dev, devOptional }] of Object.entries(locked)) {
  const folder = join(checkout, path);
  if (path === '' || dev || devOptional || !existsSync(join(folder, 'package.json'))) continue;
  const { scripts: _, devDependencies: __, ...manifest } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  add(manifest, () => pack(folder));
}
add(JSON.parse(spawnSync('tar', ['-xzOf', tarball, 'package/package.json']).stdout.toString()), () => readFileSync(tarball));

/** Left out is what no program reads: types, documents, and binaries of other systems, 60 MB of them. */
function pack(folder) {
  const unread = ['*.map', '*.md', '*.d.ts', '*.d.cts', '*.d.mts'].map((name) => `--exclude=${name}`);
  const others = ['darwin*', 'win32*', 'linux-arm*', 'linux-x64-musl', 'android*', 'freebsd*'].map(
    (name) => `--exclude=tokenizers.${name}.node`,
  );
  const run = spawnSync(
    'tar',
    ['-czf', '-', '--exclude=./node_modules', ...unread, ...others, '--transform', 's,^\\.,package,', '-C', folder, '.'],
    { maxBuffer: 1e9, env: { ...process.env, GZIP: '-1' } },
  );
  return run.stdout;
}

const packed = new Map();
const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, 'http://x').pathname).slice(1);
  const file = /^(.+)\/-\/(\d\S*)\.tgz$/.exec(path);
  const versions = packages.get(file?.[1] ?? path);
  if (versions === undefined) return void response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":"not found"}');
  if (file === null)
    return void response
      .setHeader('Content-Type', 'application/json')
      .end(JSON.stringify(describe(path, versions, `http://${request.headers.host}`)));
  response.end(contentOf(versions.find(({ manifest }) => manifest.version === file[2])));
});

function contentOf(entry) {
  const key = `${entry.manifest.name}@${entry.manifest.version}`;
  if (!packed.has(key)) packed.set(key, entry.pack());
  return packed.get(key);
}

function describe(name, versions, base) {
  const entries = versions.map((entry) => {
    const { version } = entry.manifest;
    const integrity = `sha512-${createHash('sha512').update(contentOf(entry)).digest('base64')}`;
    return [version, { ...entry.manifest, dist: { tarball: `${base}/${name}/-/${version}.tgz`, integrity } }];
  });
  return { name, 'dist-tags': { latest: entries.at(-1)[0] }, versions: Object.fromEntries(entries) };
}

server.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}/`;
  if (command.length === 0) return void process.stdout.write(`${address}\n`);
  const child = spawn(command[0], command.slice(1), { stdio: 'inherit', env: { ...process.env, npm_config_registry: address } });
  child.on('error', (error) => (process.stderr.write(`${error.message}\n`), process.exit(1)));
  child.on('close', (status, signal) => process.exit(status ?? (signal === null ? 0 : 1)));
});
