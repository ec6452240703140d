#!/usr/bin/env node
// Stands in for node-gyp: prebuildify and binding.gyp call it, cmake-js builds. The preloader goes where a node-gyp
// build would have left it; the addons stay in build-cmake/.
const { spawnSync } = require('node:child_process');
const { copyFileSync, mkdirSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const build = spawnSync(process.execPath, [join(__dirname, 'build-native.mjs')], { cwd: root, stdio: ['ignore', 2, 2] });
if (build.status === 0) {
  mkdirSync(join(root, 'build', 'Release'), { recursive: true });
  copyFileSync(join(root, 'build-cmake', 'Release', 'preload.node'), join(root, 'build', 'Release', 'preload.node'));
}
process.exitCode = build.status ?? 1;
