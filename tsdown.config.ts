import { defineConfig } from 'tsdown';

const common = { outDir: 'dist', platform: 'node', target: 'node20', fixedExtension: true, clean: false, sourcemap: true, logLevel: 'warn' } as const;

export default defineConfig([
  // `shims` gives the CommonJS build an import.meta.url.
  { ...common, entry: { index: 'lib/index.ts' }, format: ['esm', 'cjs'], dts: { sourcemap: false }, shims: true },
  // Names without hashes: an older build leaves no file behind that would be packed.
  { ...common, entry: { cli: 'lib/cli/main.ts' }, noExternal: ['zod', 'commander'], format: ['esm'], dts: false, outputOptions: { chunkFileNames: 'cli/[name].mjs' }, banner: { js: '#!/usr/bin/env node' } },
]);
