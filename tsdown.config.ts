import { chmodSync, readdirSync } from 'node:fs';
import { parse } from 'node:path';
import { defineConfig } from 'tsdown';

/** Comments stand in the declarations, where editors look; in code they would be a sixth of the package's JavaScript. Licenses stay. */
const comments = { legal: true, annotation: true, jsdoc: false } as const;

/** The root, and what package.json exports beside it. */
const entries = {
  index: 'lib/index.ts',
  ...Object.fromEntries(readdirSync('lib/subpaths').map((file) => [parse(file).name, `lib/subpaths/${file}`])),
};

interface Chunk {
  type: string;
  isEntry?: boolean;
  name?: string;
  exports?: string[];
}

/**
 * ES modules that name what is in the CommonJS ones: there is one body, so that a process has one Tensor and one addon however it is
 * loaded.
 */
const esModules = {
  name: 'es-modules',
  generateBundle(
    this: { emitFile(file: { type: 'asset'; fileName: string; source: string }): void },
    _: unknown,
    bundle: Record<string, Chunk>,
  ): void {
    const emit = (fileName: string, source: string): void => this.emitFile({ type: 'asset', fileName, source });
    for (const [fileName, { isEntry, name, exports = [] }] of Object.entries(bundle)) {
      if (!isEntry || !fileName.endsWith('.cjs')) continue;
      if (name === 'cli') {
        emit('cli.mjs', "#!/usr/bin/env node\nimport './cli.cjs';\n");
        continue;
      }
      emit(`${name}.mjs`, `import parts from './${name}.cjs';\n\nexport const { ${exports.join(', ')} } = parts;\n`);
      emit(`${name}.d.mts`, `export * from './${name}.cjs';\n`);
    }
  },
  writeBundle(_: unknown, bundle: object): void {
    if ('cli.mjs' in bundle) chmodSync('dist/cli.mjs', 0o755);
  },
};

/** zod and commander are bundled: the command line starts faster, which has a hundred files less to read. */
export default defineConfig({
  entry: { ...entries, cli: 'lib/cli/main.ts' },
  outDir: 'dist',
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  fixedExtension: true,
  clean: true,
  sourcemap: true,
  logLevel: 'warn',
  shims: true, // an import.meta.url
  dts: { sourcemap: false, entry: Object.values(entries) },
  deps: { alwaysBundle: ['zod', 'commander'] },
  plugins: [esModules],
  // What entries share stands in parts/. Put into an entry, as an optimisation would, it makes two files that require each other.
  outputOptions: { comments, chunkFileNames: 'parts/[name].cjs' },
  inputOptions: { experimental: { chunkOptimization: false } },
});
