import { FIELD_NAMES } from './fields.ts';
import type { NormalizedConfig } from './normalize.ts';

/** The resolved settings, one a line, each with the place it comes from. */
export function renderConfig({ config, sources }: NormalizedConfig): string {
  const width = Math.max(...FIELD_NAMES.map((name) => name.length));
  const values = FIELD_NAMES.map((name) => JSON.stringify(config[name]));
  const valueWidth = Math.min(40, Math.max(...values.map((value) => value.length)));
  return FIELD_NAMES.map((name, i) => `${name.padEnd(width)}  ${String(values[i]).padEnd(valueWidth)}  ${sources[name]}`).join('\n');
}
