import type { DescribedCommand, DescribedOption } from './described.ts';

/** A script for zsh: a function for each command, which hands on to those of its own. */
export function renderZsh(commands: readonly DescribedCommand[]): string {
  return `#compdef hyperfit
# zsh completion of hyperfit:  hyperfit completion zsh > ~/.zfunc/_hyperfit   (a folder of $fpath)
${commands.map((command) => renderFunction(command, commands)).join('\n')}
if [ "$funcstack[1]" = "_hyperfit" ]; then _hyperfit "$@"; else compdef _hyperfit hyperfit; fi
`;
}

const functionOf = (path: readonly string[]): string => ['_hyperfit', ...path].join('_').replaceAll('-', '_');

function renderFunction(command: DescribedCommand, commands: readonly DescribedCommand[]): string {
  const options = command.options.map(renderOption);
  const inner = commands.filter(
    ({ path }) => path.length === command.path.length + 1 && command.path.every((word, at) => path[at] === word),
  );
  if (inner.length > 0) return renderGroup(command, inner, options);
  const words = command.words.length === 0 ? [] : [`'1:: :(${command.words.join(' ')})'`];
  const files = command.takesFiles ? ["'*:file:_files'"] : [];
  return `${functionOf(command.path)}() {\n  _arguments -s \\\n    ${[...options, ...words, ...files].join(' \\\n    ')}\n}`;
}

function renderGroup({ path }: DescribedCommand, inner: readonly DescribedCommand[], options: readonly string[]): string {
  const listed = inner.map(({ path: to, summary }) => `      ${quoted(`${to.at(-1)!}:${summary.replaceAll(':', '\\:')}`)}`);
  const cases = inner.map(({ path: to }) => `      ${to.at(-1)!}) ${functionOf(to)} ;;`);
  return `${functionOf(path)}() {
  local line state
  _arguments -C ${options.join(' ')} '1: :->command' '*:: :->rest'
  if [ "$state" = command ]; then
    local -a commands=(
${listed.join('\n')}
    )
    _describe command commands
  elif [ "$state" = rest ]; then
    case "$line[1]" in
${cases.join('\n')}
    esac
  fi
}`;
}

function renderOption({ flag, help, value }: DescribedOption): string {
  const shown = help.replaceAll('\n', ' ').replaceAll(/[[\]]/g, '\\$&');
  return quoted(`${flag}[${shown}]${argument(value)}`);
}

function argument(value: DescribedOption['value']): string {
  if (value === 'none') return '';
  if (value === 'file') return ':file:_files';
  if (value === 'folder') return ':folder:_files -/';
  return value === 'text' ? ':value: ' : `:value:(${value.join(' ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
