import type { RunConfig } from '../config/fields.ts';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { deviceHint, isDeviceName } from '../config/device-name.ts';
import { FIELD_NAMES, FIELDS, flagOf, type FieldName } from '../config/fields.ts';
import { parseText } from '../config/layers.ts';

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    return value;
  };
}

/** A number between two bounds, both included. */
export function numberWithin(least: number, most = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
    if (text.trim() === '' || !Number.isFinite(value) || value < least || value > most)
      throw new InvalidArgumentError(`expected a number ${range}.`);
    return value;
  };
}

/** `1,2,3` as token ids. */
export function idList(text: string): Int32Array {
  const ids = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (ids.some((id) => !Number.isInteger(id) || id < 0 || id > 0x7fffffff))
    throw new InvalidArgumentError('expected token ids, such as 1,2,3.');
  return Int32Array.from(ids);
}

const DEVICE = FIELDS.device;

/** What every command that loads a model takes. */
export function addModelOptions(command: Command): Command {
  return addComputingOptions(
    command
      .requiredOption(
        '--model <path>',
        'a Hugging Face folder, a .gguf file, a run, a checkpoint, or a name of the Hugging Face hub: org/name, hf:org/name:Q4_K_M',
        checkedPath,
      )
      .option(
        '--adapter <dir>',
        'a LoRA adapter in the form of PEFT to add to the weights, or a checkpoint or run that keeps one',
        checkedPath,
      ),
  );
}

/** Where a model computes, and in what types. */
export function addComputingOptions(command: Command): Command {
  return command
    .addOption(
      new Option(`--device <${DEVICE.valueName}>`, `${DEVICE.help} (default: HYPERFIT_DEVICE, or ${DEVICE.default})`).argParser(
        checkedDevice,
      ),
    )
    .addOption(
      new Option(
        '--compute-dtype <dtype>',
        `${FIELDS.computeDtype.help} (default: HYPERFIT_COMPUTE_DTYPE, or ${FIELDS.computeDtype.default})`,
      ).choices(['float32', 'bfloat16']),
    )
    .addOption(
      new Option(
        '--weight-dtype <dtype>',
        `${FIELDS.weightDtype.help} (default: HYPERFIT_WEIGHT_DTYPE, or ${FIELDS.weightDtype.default})`,
      ).choices(['auto', 'float32', 'bfloat16']),
    );
}

/** A path that was forgotten makes the parser take the flag after it for one. */
export function checkedPath(text: string): string {
  if (text.startsWith('--'))
    throw new InvalidArgumentError(`expected a path, got the flag ${text}; a path that begins so is written ./${text}.`);
  return text;
}

function checkedDevice(text: string): string {
  if (!isDeviceName(text)) throw new InvalidArgumentError(`expected cpu, cuda or cuda:N${deviceHint(text)}.`);
  return text;
}

/** A flag that other commands have, and what this one has in its place. */
export function addForeignFlag(command: Command, flag: string, remedy: string): Command {
  const refuse = (): never => {
    throw new InvalidArgumentError(remedy);
  };
  return command.addOption(new Option(`${flag} <value>`).hideHelp().argParser(refuse));
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .option('--quiet', 'no progress and no notes on stderr');
}

/** The same for a command that prints a table. */
export function addTableOptions(command: Command): Command {
  return addOutputOptions(command).addOption(
    new Option('--csv', 'print the table as CSV on stdout and nothing else there').conflicts('json'),
  );
}

/** A flag for each of the settings `names`; defaults (those of `preset` first) are shown, and left to the configuration to apply. */
export function addFieldOptions(command: Command, names: readonly FieldName[] = FIELD_NAMES, preset: Partial<RunConfig> = {}): Command {
  for (const name of names) {
    const { help, valueName } = FIELDS[name];
    const fallback = preset[name] ?? FIELDS[name].default;
    if (fallback === true) {
      // With both, commander itself sets neither: what was not given is left to the configuration.
      command.addOption(new Option(flagOf(name)).hideHelp()).option(flagOf(name).replace('--', '--no-'), help);
      continue;
    }
    const value = valueName === undefined ? '' : ` <${valueName}>`;
    const shown = fallback === false ? '' : ` (default: ${fallback === null ? 'none' : String(fallback)})`;
    command.option(`${flagOf(name)}${value}`, `${help}${shown}`);
  }
  return command;
}

/** The settings among parsed options, as values for the configuration. */
export function fieldValues(
  options: Readonly<Record<string, unknown>>,
  names: readonly FieldName[] = FIELD_NAMES,
): Record<string, unknown> {
  const given = names.filter((name) => options[name] !== undefined);
  return Object.fromEntries(
    given.map((name) => [name, typeof options[name] === 'string' ? parseText(name, options[name]) : options[name]]),
  );
}
