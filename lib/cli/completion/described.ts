import type { Command, Option } from 'commander';

/** What a shell needs of an option. */
export interface DescribedOption {
  flag: string;
  help: string;
  value: 'none' | 'text' | 'file' | 'folder' | readonly string[];
}

/** A command, or a command's command, as a shell completes it. */
export interface DescribedCommand {
  /** The words that lead to it: `['compare', 'build']`; empty for hyperfit itself. */
  path: readonly string[];
  summary: string;
  options: readonly DescribedOption[];
  /** What may stand in place of an option: one of these words, or files. */
  words: readonly string[];
  takesFiles: boolean;
}

/** All commands of a program, the program itself first. */
export function describeCommands(program: Command, path: readonly string[] = []): DescribedCommand[] {
  const inner = program.commands.flatMap((command) => describeCommands(command, [...path, command.name()]));
  const words = [
    ...program.commands.map((command) => command.name()),
    ...program.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  ];
  const takesFiles = program.registeredArguments.some(({ argChoices }) => argChoices === undefined);
  return [{ path, summary: program.summary() || program.description(), options: optionsOf(program), words, takesFiles }, ...inner];
}

function optionsOf(command: Command): DescribedOption[] {
  const shown = command.options.filter(({ hidden, long }) => !hidden && long !== undefined);
  return [...shown.map(describeOption), { flag: '--help', help: 'what it takes', value: 'none' }];
}

function describeOption(option: Option): DescribedOption {
  return { flag: option.long!, help: option.description, value: valueOf(option) };
}

/** Placeholders of values say what they stand for. */
function valueOf({ flags, argChoices }: Option): DescribedOption['value'] {
  if (argChoices !== undefined) return argChoices;
  const [, placeholder] = /[<[](.*)[>\]]$/.exec(flags) ?? [];
  if (placeholder === undefined) return 'none';
  if (/dir|folder/.test(placeholder)) return 'folder';
  return /path|file|page|model|\bdata\b/.test(placeholder) ? 'file' : 'text';
}
