import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DECODING_FIELDS } from '../../lib/generate/decoding-fields.ts';
import { FIELDS } from '../../lib/config/fields.ts';
// @ts-expect-error plain JavaScript, shared with `npm run option:types`
import { renderDecodingOptions, renderRunConfig } from '../../scripts/option-types/render.mjs';

// What an editor shows for an option is the text of its flag: both come from one table, and nothing is written twice by hand.

const read = (path: string): string => readFileSync(join(__dirname, '../../lib', path), 'utf8');
const schemaOf = (schema: z.ZodType): object => z.toJSONSchema(schema, { io: 'input' });

test('lib/config/run-config.ts is what the table of settings says (npm run option:types)', () => {
  expect(read('config/run-config.ts')).toBe(renderRunConfig(FIELDS, schemaOf));
});

test('lib/generate/decoding-options.ts is what the table of decoding says (npm run option:types)', () => {
  expect(read('generate/decoding-options.ts')).toBe(renderDecodingOptions(DECODING_FIELDS));
});

test('every word of help is there, a changed one too', () => {
  const flat = (text: string): string => text.replace(/\n\s+\* /g, ' ');
  expect(flat(read('config/run-config.ts'))).toContain(
    'Stop once the mean training loss of an epoch is below this, in nats per token. Default `null`; as a flag `--target-loss <L>`.',
  );
  const changed = { ...FIELDS, seed: { ...FIELDS.seed, help: 'another text' } };
  expect(renderRunConfig(changed, schemaOf)).toContain('/** Another text. Default `0`; as a flag `--seed <N>`. */\n  seed: number;');
});

test('flags are named as options, and none as null', () => {
  const text = read('config/run-config.ts').replace(/as a flag[\s*]+`[^`]*`|\(`--no-[^`]*`\)/g, '');
  expect(text.match(/`--[a-z-]+`/g)).toBeNull();
  expect(text).toContain('How many sequences to take from the data; `null` takes all.');
});
