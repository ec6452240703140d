import { FIELD_NAMES } from './fields.ts';
import type { NormalizedConfig } from './normalize.ts';

/** The same for programs. */
export function configTable({ config, sources }: NormalizedConfig): { columns: string[]; rows: (string | number | boolean | null)[][] } {
  const plain = (value: unknown): string | number | boolean | null =>
    typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as string | number | boolean | null);
  return { columns: ['setting', 'value', 'source'], rows: FIELD_NAMES.map((name) => [name, plain(config[name]), sources[name]]) };
}

/** The resolved settings, one a line, each with the place it comes from. */
export function renderConfig({ config, sources }: NormalizedConfig): string {
  const width = Math.max(...FIELD_NAMES.map((name) => name.length));
  const values = FIELD_NAMES.map((name) => JSON.stringify(config[name]));
  const valueWidth = Math.min(40, Math.max(...values.map((value) => value.length)));
  return FIELD_NAMES.map((name, i) => `${name.padEnd(width)}  ${String(values[i]).padEnd(valueWidth)}  ${sources[name]}`).join('\n');
}
