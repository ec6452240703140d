import { HyperfitError } from '../errors.ts';
import { readTextSync } from '../regular-file.ts';
import { environmentNameOf, FIELD_NAMES, FIELDS, type FieldName } from './fields.ts';
import { isPresetName, PRESET_NAMES, PRESETS } from './presets.ts';
import { didYouMean } from './suggest.ts';

/** Settings from one place, unchecked; `name` is how messages and `--print-config` call the place. */
export interface ConfigLayer {
  /** As tables and messages call it. */
  name: string;
  /** Unchecked, by the names of the settings. */
  values: Readonly<Record<string, unknown>>;
}

/**
 * A preset as a layer for `normalizeConfig`.
 * @throws HyperfitError ERR_CONFIG for a name that there is not
 *
 * @example
 * const { config } = normalizeConfig([{ name: 'options', values: { model: 'my-model', data: 'novel.txt' } }, presetLayer('demo')]);
 */
export function presetLayer(preset: string): ConfigLayer {
  if (!isPresetName(preset)) {
    const hint = didYouMean(preset, PRESET_NAMES);
    throw new HyperfitError('ERR_CONFIG', `expected ${PRESET_NAMES.join(', ')} for \`preset\`, got ${JSON.stringify(preset)}${hint}`);
  }
  return { name: `preset ${preset}`, values: PRESETS[preset] };
}

/**
 * A JSON file of settings.
 * @throws HyperfitError ERR_CONFIG when it cannot be read or is not one JSON object
 */
export function fileLayer(path: string): ConfigLayer {
  return { name: `file ${path}`, values: parseObject(path, readText(path)) };
}

function readText(path: string): string {
  try {
    return readTextSync(path);
  } catch (cause) {
    throw new HyperfitError('ERR_CONFIG', `expected a readable JSON file for \`config\`, got ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function parseObject(path: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    // Editors of Windows begin a file with a byte-order mark.
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new HyperfitError('ERR_CONFIG', `expected JSON in ${path}: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HyperfitError('ERR_CONFIG', `expected one object of settings in ${path}, such as {"learningRate": 1e-6}`);
  }
  return value as Record<string, unknown>;
}

/** `HYPERFIT_LEARNING_RATE=1e-5` and its like; an empty variable counts as not set. */
export function environmentLayer(environment: NodeJS.ProcessEnv): ConfigLayer {
  const values: Record<string, unknown> = {};
  for (const name of FIELD_NAMES) {
    const text = environment[environmentNameOf(name)];
    if (text !== undefined && text !== '') values[name] = parseText(name, text);
  }
  return { name: 'environment', values };
}

const CLEARED = new Set(['none', 'null']);

/**
 * Text of a flag or of a variable as the value its field wants; text that does not fit is handed on as it is, for
 * the check to refuse by name.
 */
export function parseText(name: FieldName, text: string): unknown {
  const { schema, default: fallback } = FIELDS[name];
  if (CLEARED.has(text) && schema.safeParse(null).success) return null;
  if (Array.isArray(fallback)) return text.split(',').map(numberOrText);
  if (typeof fallback === 'boolean') return ({ true: true, 1: true, false: false, 0: false } as Record<string, boolean>)[text] ?? text;
  return schema.safeParse(text).success ? text : numberOrText(text);
}

function numberOrText(text: string): number | string {
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? text : value;
}
