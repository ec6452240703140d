import type { DescribedCommand, DescribedOption } from './described.ts';

/** A script for fish. */
export function renderFish(commands: readonly DescribedCommand[]): string {
  return `# fish completion of hyperfit:  hyperfit completion fish > ~/.config/fish/completions/hyperfit.fish
complete -c hyperfit -f
${commands.flatMap((command) => [...wordLines(command, commands), ...optionLines(command)]).join('\n')}
`;
}

/** Whether the words so far lead to this command, and to none of its own. */
function condition({ path, words }: DescribedCommand): string {
  const inside = path.map((word) => `__fish_seen_subcommand_from ${word}`);
  const beyond = words.length === 0 ? [] : [`not __fish_seen_subcommand_from ${words.join(' ')}`];
  return [...inside, ...beyond].join('; and ') || 'true';
}

function wordLines(command: DescribedCommand, commands: readonly DescribedCommand[]): string[] {
  const start = `complete -c hyperfit -n ${quoted(condition(command))}`;
  const words = command.words.map((word) => {
    const inner = commands.find(({ path }) => path.join(' ') === [...command.path, word].join(' '));
    return `${start} -a ${quoted(word)}${inner === undefined ? '' : ` -d ${quoted(inner.summary)}`}`;
  });
  return command.takesFiles ? [...words, `${start} -F`] : words;
}

function optionLines(command: DescribedCommand): string[] {
  const start = `complete -c hyperfit -n ${quoted(condition(command))}`;
  return command.options.map(({ flag, help, value }) => `${start} -l ${flag.slice(2)}${argument(value)} -d ${quoted(help)}`);
}

function argument(value: DescribedOption['value']): string {
  if (value === 'none') return '';
  if (value === 'file' || value === 'folder') return value === 'file' ? ' -r -F' : " -x -a '(__fish_complete_directories)'";
  return value === 'text' ? ' -x' : ` -x -a ${quoted(value.join(' '))}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', ' ')}'`;
}
