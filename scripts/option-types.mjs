// npm run option:types: writes the interfaces that stand for tables of settings anew, after a change of the tables.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'tsdown';
import { z } from 'zod';
import { renderDecodingOptions, renderRunConfig } from './option-types/render.mjs';
import { root, runMain } from './steps/log.mjs';

await runMain(async () => {
  // Below the repository, where the bundle finds zod.
  const folder = mkdtempSync(join(root, 'node_modules', '.option-types-'));
  try {
    const entry = { config: join(root, 'lib/config/fields.ts'), decoding: join(root, 'lib/generate/decoding-fields.ts') };
    await build({
      entry,
      outDir: folder,
      config: false,
      dts: false,
      clean: false,
      platform: 'node',
      target: 'node20',
      fixedExtension: true,
      logLevel: 'error',
    });
    const load = (name) => import(pathToFileURL(join(folder, `${name}.mjs`)).href);
    const [{ FIELDS }, { DECODING_FIELDS }] = [await load('config'), await load('decoding')];
    writeFileSync(
      join(root, 'lib/config/run-config.ts'),
      renderRunConfig(FIELDS, (schema) => z.toJSONSchema(schema, { io: 'input' })),
    );
    writeFileSync(join(root, 'lib/generate/decoding-options.ts'), renderDecodingOptions(DECODING_FIELDS));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
