import { readdirSync } from 'node:fs';
import { parse } from 'node:path';
import { defineConfig } from 'tsdown';

/** Comments stand in the declarations, where editors look; in code they would be a sixth of the package's JavaScript. Licenses stay. */
const comments = { legal: true, annotation: true, jsdoc: false } as const;
const common = { outDir: 'dist', platform: 'node', target: 'node20', fixedExtension: true, clean: false, sourcemap: true, logLevel: 'warn' } as const;

/** The root, and what package.json exports beside it. */
const entries = { index: 'lib/index.ts', ...Object.fromEntries(readdirSync('lib/subpaths').map((file) => [parse(file).name, `lib/subpaths/${file}`])) };

export default defineConfig([
  // `shims` gives the CommonJS build an import.meta.url. What entries share stands in parts/, so that all of them have one Tensor, one addon.
  ...(['esm', 'cjs'] as const).map((format) => ({
    ...common, entry: entries, format, dts: { sourcemap: false }, shims: true, outputOptions: { comments, chunkFileNames: `parts/[name].${format === 'esm' ? 'mjs' : 'cjs'}` },
  })),
  { ...common, entry: { cli: 'lib/cli/main.ts' }, noExternal: ['zod', 'commander'], format: ['esm'], dts: false, outputOptions: { comments, chunkFileNames: 'cli/[name].mjs' }, banner: { js: '#!/usr/bin/env node' } },
]);
