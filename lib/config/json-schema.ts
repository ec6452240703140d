import { z } from 'zod';
import { FIELD_NAMES, FIELDS } from './fields.ts';
import { PRESET_NAMES } from './presets.ts';

/**
 * The settings of a config file as a JSON schema (draft 2020-12), so that editors complete and check it. From the same fields as the flags.
 */
export function configSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of a hyperfit run',
    description: `What \`hyperfit train --config FILE\` reads. Flags come first, then HYPERFIT_* variables, then this file, then --preset (${PRESET_NAMES.join(', ')}).`,
    type: 'object',
    additionalProperties: false,
    properties: { $schema: { type: 'string' }, ...Object.fromEntries(FIELD_NAMES.map((name) => [name, fieldSchema(name)])) },
  };
}

function fieldSchema(name: (typeof FIELD_NAMES)[number]): object {
  const { schema, help, default: fallback } = FIELDS[name];
  const { $schema: _, ...shape } = z.toJSONSchema(schema as z.ZodType, { io: 'input' });
  return { description: help, default: fallback, ...shape };
}
