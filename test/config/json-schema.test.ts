import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FIELD_NAMES, FIELDS } from '../../lib/config/fields.ts';
import { configSchema } from '../../lib/config/json-schema.ts';
import { PRESETS } from '../../lib/config/presets.ts';

const written = JSON.parse(readFileSync(join(__dirname, '../../config.schema.json'), 'utf8')) as {
  properties: Record<string, { description: string; default: unknown }>;
};

test('the file of the package is what the fields say (node dist/cli.mjs config schema > config.schema.json)', () => {
  expect(written).toEqual(JSON.parse(JSON.stringify(configSchema())));
});

test('it has every setting with its words and default, and no other', () => {
  expect(Object.keys(written.properties)).toEqual(['$schema', ...FIELD_NAMES]);
  for (const name of FIELD_NAMES)
    expect(written.properties[name]).toMatchObject({ description: FIELDS[name].help, default: FIELDS[name].default });
});

// Read back, so that the check is the schema's own.
const check = z.fromJSONSchema(written as Parameters<typeof z.fromJSONSchema>[0]);

test('it takes the presets and the defaults', () => {
  for (const settings of [
    ...Object.values(PRESETS),
    { $schema: './config.schema.json' },
    Object.fromEntries(FIELD_NAMES.map((name) => [name, FIELDS[name].default])),
  ]) {
    expect(check.safeParse(settings)).toMatchObject({ success: true });
  }
});

test.each([
  [{ learningRat: 1 }],
  [{ learningRate: 0 }],
  [{ epochs: 1.5 }],
  [{ keepBest: 'all' }],
  [{ order: 'swap-0' }],
  [{ unwrap: 'yes' }],
  [{ loraTargets: [] }],
  [{ betas: [0.9] }],
  [{ device: 'gpu' }],
])('it refuses %j', (settings) => {
  expect(check.safeParse(settings)).toMatchObject({ success: false });
});
