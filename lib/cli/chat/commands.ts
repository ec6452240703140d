import { InvalidArgumentError } from 'commander';
import { flagOf } from '../../config/fields.ts';
import { didYouMean } from '../../config/suggest.ts';
import { HyperfitError } from '../../errors.ts';
import { appendFile } from '../../file-system.ts';
import { readText } from '../../regular-file.ts';
import type { GenerateOptions } from '../../generate/options.ts';
import { numberWithin, wholeNumber } from '../options.ts';
import type { ChatSession } from './session.ts';

/** What a command leaves to whoever reads the lines. */
export interface Outcome {
  say?: string;
  /** To be answered again. */
  ask?: string;
  leave?: true;
}

interface ChatCommand {
  names: readonly string[];
  takes?: string;
  help: string;
  run: (session: ChatSession, argument: string) => Outcome | Promise<Outcome>;
}

type NumberName = 'temperature' | 'topP' | 'topK' | 'minP' | 'repetitionPenalty' | 'noRepeatNgramSize' | 'maxNewTokens' | 'seed';

const NUMBERS: Readonly<Record<NumberName, { parse: (text: string) => number; help: string }>> = {
  temperature: { parse: numberWithin(0), help: '0 is greedy' },
  topP: { parse: numberWithin(0, 1), help: 'sample among the most probable tokens of this share' },
  topK: { parse: wholeNumber(0), help: 'sample among the N most probable tokens; 0 keeps all' },
  minP: { parse: numberWithin(0, 1), help: 'drop tokens below this share of the best' },
  repetitionPenalty: { parse: numberWithin(1e-6), help: '1 is off' },
  noRepeatNgramSize: { parse: wholeNumber(0), help: 'no n-gram of this size twice; 0 is off' },
  maxNewTokens: { parse: wholeNumber(1), help: 'tokens of an answer at most' },
  seed: { parse: wholeNumber(0), help: 'of the sampling' },
};

/** Greedy text has no candidates to choose among. */
const GREEDY: GenerateOptions = { temperature: 0, topK: 0, topP: 1, minP: 0 };

const wordOf = (name: string): string => flagOf(name).slice(2);

function numberCommand(name: NumberName): ChatCommand {
  const { parse, help } = NUMBERS[name];
  const run = (session: ChatSession, argument: string): Outcome => {
    if (argument !== '')
      session.setDecoding(name === 'temperature' && Number(argument) === 0 ? GREEDY : { [name]: parsed(name, parse, argument) });
    return { say: `${wordOf(name)} ${String(session.decoding[name])}` };
  };
  return { names: [wordOf(name)], takes: 'X', help, run };
}

function parsed(name: string, parse: (text: string) => number, text: string): number {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new HyperfitError('ERR_CONFIG', `${error.message.replace(/\.$/, '')} for /${wordOf(name)}, got ${text}`);
  }
}

const COMMANDS: readonly ChatCommand[] = [
  { names: ['help', '?'], help: 'these lines', run: () => ({ say: renderHelp() }) },
  { names: ['reset', 'clear'], help: 'forget what was said; settings stay', run: reset },
  { names: ['again', 'retry'], help: 'answer the last message anew, with temperature by other draws', run: again },
  { names: ['save'], takes: 'FILE', help: 'add the conversation to a .jsonl file that train --data reads', run: save },
  { names: ['system'], takes: 'TEXT', help: 'what the system says first; "none" takes it away', run: system },
  {
    names: ['blocker'],
    takes: 'on|off|PATH',
    help: 'forbid citing training sequences: those of the run, a run or a .jsonl file',
    run: blocker,
  },
  ...(Object.keys(NUMBERS) as NumberName[]).map(numberCommand),
  { names: ['settings'], help: 'how answers are decoded', run: (session) => ({ say: renderSettings(session) }) },
  { names: ['exit', 'quit', 'bye'], help: 'leave; Ctrl-D does too', run: () => ({ leave: true }) },
];

/** The line as a command; undefined for what is to be said. Two slashes in front say one. */
export function parseCommand(line: string): { name: string; argument: string } | undefined {
  const [, name, argument = ''] = /^\/([a-z?][a-z-]*)(?:\s+([^]*))?$/i.exec(line) ?? [];
  return name === undefined ? undefined : { name: name.toLowerCase(), argument: argument.trim() };
}

/** Commands that begin like a line, for the tab key. */
export function completeCommand(line: string): [string[], string] {
  const words = COMMANDS.flatMap(({ names: [name] }) => `/${name!}`);
  return [words.filter((word) => line !== '' && word.startsWith(line)), line];
}

/** @throws HyperfitError ERR_CONFIG for a command that is none, and what the command throws; nothing has changed then */
export async function runCommand(session: ChatSession, { name, argument }: { name: string; argument: string }): Promise<Outcome> {
  const command = COMMANDS.find(({ names }) => names.includes(name));
  if (command !== undefined) return command.run(session, argument);
  const known = COMMANDS.flatMap(({ names }) => names);
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected a command, got /${name}${didYouMean(name, known).replace('mean ', 'mean /')}; /help lists them, and a message that begins with a slash is written //`,
  );
}

function reset(session: ChatSession): Outcome {
  session.reset();
  return { say: 'forgotten' };
}

function again(session: ChatSession): Outcome {
  const ask = session.takeBack();
  return ask === undefined ? { say: 'nothing was said yet' } : { ask };
}

function system(session: ChatSession, argument: string): Outcome {
  if (argument !== '') session.setSystem(argument === 'none' ? undefined : argument);
  const { system: text } = session.main.conversation;
  return { say: text === undefined ? 'no system text' : `system: ${text}` };
}

async function blocker(session: ChatSession, argument: string): Promise<Outcome> {
  if (argument !== '') await session.setBlocker(argument === 'off' ? false : argument === 'on' ? undefined : argument);
  return { say: session.blocker === undefined ? 'citation blocker off' : `citation blocker on: ${session.blocker.signature}` };
}

/** What stands in the file stays: a line is added. */
async function save(session: ChatSession, path: string): Promise<Outcome> {
  if (!/\.jsonl$/i.test(path))
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a name that ends in .jsonl for /save, got ${path === '' ? 'none' : path}; train --data reads such files`,
    );
  const document = session.main.conversation.document();
  if (document === undefined) return { say: 'nothing was answered yet' };
  try {
    const before = await readText(path).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? '' : Promise.reject(error)));
    await appendFile(path, `${before === '' || before.endsWith('\n') ? '' : '\n'}${JSON.stringify(document)}\n`);
    return { say: `saved as line ${before.split('\n').filter((line) => line !== '').length + 1} of ${path}` };
  } catch (cause) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected a file that can be written for /save, got ${path}: ${(cause as Error).message}; choose another`,
      { cause },
    );
  }
}

function renderHelp(): string {
  const rows = COMMANDS.map(({ names: [name], takes, help }) => [`/${name!}${takes === undefined ? '' : ` ${takes}`}`, help]);
  const width = Math.max(...rows.map(([left]) => left!.length));
  return [
    ...rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right!}`),
    '',
    '  A line that ends in \\ goes on in the next one; """ begins and ends a message of several lines.',
    '  Ctrl-C stops an answer, twice leaves.',
  ].join('\n');
}

function renderSettings(session: ChatSession): string {
  const numbers = (Object.keys(NUMBERS) as NumberName[]).map((name) => `${wordOf(name)} ${String(session.decoding[name])}`);
  return [...numbers, session.blocker === undefined ? 'citation blocker off' : 'citation blocker on'].join(', ');
}
