import { parseArgs } from 'node:util';
import { SetupError } from '../../scripts/steps/log.mjs';
import { chooseDevice } from './device.mjs';
import { restrictingSet } from './instruction-sets.mjs';

const SHARED = {
  rounds: ['3', 'rounds; each contender runs once per round, in a process of its own'],
  only: ['', 'run only contenders whose name matches this regular expression'],
  skip: ['', 'leave out contenders whose name matches this regular expression'],
};
const FLAGS = { json: 'print one JSON document instead of tables', help: 'print this and stop' };

/**
 * Options of one benchmark. `fields` maps a name to [default, help]; a default of false makes it a flag.
 * Prints the help and ends the process when asked to.
 */
export function readOptions(command, summary, fields) {
  const all = { ...fields, ...SHARED };
  const flags = Object.fromEntries(
    Object.entries(all)
      .filter(([, [fallback]]) => fallback === false)
      .map(([name, [, help]]) => [name, help]),
  );
  const texts = Object.fromEntries(Object.entries(all).filter(([, [fallback]]) => fallback !== false));
  const options = {
    ...Object.fromEntries(Object.entries(texts).map(([name, [fallback]]) => [name, { type: 'string', default: fallback }])),
    ...Object.fromEntries(Object.keys({ ...flags, ...FLAGS }).map((name) => [name, { type: 'boolean', default: false }])),
  };
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(`${renderHelp(command, summary, texts, { ...flags, ...FLAGS })}\n`);
    process.exit(0);
  }
  orEnd(() => {
    const set = restrictingSet(values['instruction-set']);
    if ('device' in all) chooseDevice(values.device, set);
  });
  return { ...values, rounds: wholeNumber('rounds', values.rounds) };
}

/** Options are read before `runMain` could word a refusal. */
function orEnd(check) {
  try {
    check();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(1);
  }
}

function renderHelp(command, summary, texts, flags) {
  const lines = [
    ...Object.entries(texts).map(([name, [fallback, help]]) => [
      `--${name} <value>`,
      `${help} (default: ${fallback === '' ? 'none' : fallback})`,
    ]),
    ...Object.entries(flags).map(([name, help]) => [`--${name}`, help]),
  ];
  return [`Usage: ${command} -- [options]`, '', summary, '', ...lines.map(([option, help]) => `  ${option.padEnd(26)}${help}`)].join('\n');
}

export function wholeNumber(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new SetupError(`expected a whole number of at least 1 for --${name}, got ${JSON.stringify(text)}`);
  return value;
}

export const wholeNumbers = (name, text) =>
  text
    .split(',')
    .filter(Boolean)
    .map((part) => wholeNumber(name, part));

/** `8x128,8x256` as pairs of numbers. */
export const shapes = (name, text) =>
  text
    .split(',')
    .filter(Boolean)
    .map((shape) => {
      const parts = shape.split('x').map((part) => wholeNumber(name, part));
      if (parts.length !== 2) throw new SetupError(`expected shapes like 8x128 for --${name}, got ${JSON.stringify(shape)}`);
      return parts;
    });
