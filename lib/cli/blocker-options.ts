import type { Command } from 'commander';
import { BLOCKER_FIELDS, flagOf, pickBlockerSettings, type BlockerSettings } from '../config/fields.ts';
import { normalizeConfig } from '../config/normalize.ts';
import { HyperfitError } from '../errors.ts';
import { addFieldOptions, fieldValues } from './options.ts';

/** `--citation-blocker` and what adjusts it. */
export function addBlockerOptions(command: Command): Command {
  return addFieldOptions(
    command.option('--citation-blocker <path>', 'forbid citing these training sequences: a .jsonl file or the folder of a run'),
    BLOCKER_FIELDS,
  );
}

/** What to block, and by which rule. */
export interface BlockerSource {
  path: string;
  settings: BlockerSettings;
}

/**
 * Undefined without `--citation-blocker`.
 * @throws HyperfitError ERR_CONFIG for settings that no blocker takes, and for such without a blocker
 */
export function blockerSource(options: Readonly<Record<string, unknown>>): BlockerSource | undefined {
  const values = fieldValues(options, BLOCKER_FIELDS);
  const path = options['citationBlocker'] as string | undefined;
  const [first] = Object.keys(values);
  if (path === undefined && first !== undefined)
    throw new HyperfitError('ERR_CONFIG', `expected --citation-blocker beside ${flagOf(first)}, got none: there is nothing to adjust`);
  return path === undefined ? undefined : { path, settings: blockerSettings(options) };
}

/**
 * The rule that the flags give, whether or not there is something to block yet.
 * @throws HyperfitError ERR_CONFIG
 */
export function blockerSettings(options: Readonly<Record<string, unknown>>): BlockerSettings {
  return pickBlockerSettings(normalizeConfig([{ name: 'flags', values: fieldValues(options, BLOCKER_FIELDS) }]).config);
}
