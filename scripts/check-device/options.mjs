import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BUDGET_SECONDS, PHASES } from './phases.mjs';

export class OptionError extends Error {}

const NAMES = PHASES.map(({ name }) => name);
const TEXTS = {
  device: ['cuda', 'what is checked: cuda, cuda:N, guard:N, or cpu, whose operators are then held against its kernels'],
  out: ['check-device.json', 'the JSON document, written anew after each result'],
  only: ['', 'only these phases, by name, with commas between'],
  budget: [`${BUDGET_SECONDS}`, 'seconds for all phases; those that no time is left for are skipped by name'],
  limits: ['', 'other limits than the ones below: float32=30,exits=100'],
};
const FLAGS = {
  quick: 'three tiny models, fewer steps, two layers of the smallest shape: a rehearsal',
  spoil: 'change one weight of every model on the device: the comparisons must then fail, which shows that they can',
  help: 'print this and stop',
};

/** Settings of the program. Prints the help and ends the process when asked to. @throws OptionError in one line */
export function readOptions(args) {
  const values = parse(args);
  if (values.help) {
    process.stdout.write(`${renderHelp()}\n`);
    process.exit(0);
  }
  if (!/^(cpu|(cuda|guard)(:\d+)?)$/.test(values.device))
    throw new OptionError(`expected cpu, cuda, cuda:N or guard:N for --device, got ${JSON.stringify(values.device)}`);
  return {
    device: values.device,
    out: resolve(values.out),
    only: readNames(values.only),
    budget: seconds('--budget', values.budget),
    limits: readLimits(values.limits),
    quick: values.quick,
    spoil: values.spoil,
  };
}

function parse(args) {
  const options = {
    ...Object.fromEntries(Object.entries(TEXTS).map(([name, [fallback]]) => [name, { type: 'string', default: fallback }])),
    ...Object.fromEntries(Object.keys(FLAGS).map((name) => [name, { type: 'boolean', default: false }])),
  };
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new OptionError(`${error.message.split('\n')[0]} See --help.`);
  }
}

function readNames(text) {
  const names = text.split(',').filter(Boolean);
  for (const name of names) requirePhase('--only', name);
  return names.length === 0 ? NAMES : names;
}

function readLimits(text) {
  return Object.fromEntries(
    text
      .split(',')
      .filter(Boolean)
      .map((part) => {
        const [name, value] = part.split('=');
        requirePhase('--limits', name);
        return [name, seconds('--limits', value ?? '')];
      }),
  );
}

function requirePhase(option, name) {
  if (!NAMES.includes(name)) throw new OptionError(`expected some of ${NAMES.join(', ')} for ${option}, got ${JSON.stringify(name)}`);
}

function seconds(option, text) {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value <= 0)
    throw new OptionError(`expected a number of seconds above 0 for ${option}, got ${JSON.stringify(text)}`);
  return value;
}

function renderHelp() {
  const options = [
    ...Object.entries(TEXTS).map(([name, [fallback, help]]) => [`--${name} <value>`, `${help} (default: ${fallback || 'none'})`]),
    ...Object.entries(FLAGS).map(([name, help]) => [`--${name}`, help]),
  ];
  return [
    'Usage: npm run check:device -- [options]',
    '',
    'Checks what hyperfit does on a device, each phase in a process of its own. Exit status: 0 when every check passed, 1 when one',
    'failed, a phase crashed or ran out of time, 2 for options that are none.',
    '',
    ...options.map(([name, help]) => `  ${name.padEnd(18)}${help}`),
    '',
    'Phases, in this order, and the most seconds each may take:',
    ...PHASES.map(({ name, seconds: limit, title }) => `  ${name.padEnd(14)}${String(limit).padStart(4)}  ${title}`),
  ].join('\n');
}
