import type { DescribedCommand, DescribedOption } from './described.ts';

/** A script for bash; it is asked nothing of at run time. */
export function renderBash(commands: readonly DescribedCommand[]): string {
  return `# bash completion of hyperfit:  source <(hyperfit completion bash)
_hyperfit() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command= word words=
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command/$word" in
      ${commands.slice(1).map(keyOf).join('|')}) command="$command/$word" ;;
    esac
  done
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  case "$command" in
${commands.map(wordCase).join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _hyperfit hyperfit
`;
}

const keyOf = ({ path }: DescribedCommand): string => path.map((word) => `/${word}`).join('');

function valueCases(command: DescribedCommand): string[] {
  const valued = command.options.filter(({ value }) => value !== 'none');
  return valued.map(({ flag, value }) => `    '${keyOf(command)} ${flag}') ${complete(value)}; return ;;`);
}

function complete(value: DescribedOption['value']): string {
  if (value === 'file') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")';
  if (value === 'folder') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")';
  return typeof value === 'string' ? ':' : `mapfile -t COMPREPLY < <(compgen -W '${value.join(' ')}' -- "$current")`;
}

function wordCase(command: DescribedCommand): string {
  const words = [...command.words, ...command.options.map(({ flag }) => flag)].join(' ');
  const files = command.takesFiles ? `[[ $current != -* ]] && { ${complete('file')}; return; }; ` : '';
  return `    '${keyOf(command)}') ${files}words='${words}' ;;`;
}
