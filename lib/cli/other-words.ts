import type { Command } from 'commander';
import { synonymOf } from '../config/suggest.ts';

/**
 * Commander suggests what is near in letters. What other tools call a setting of ours (`--lr`, `--optimizer`) often is not, so of an
 * unknown option the options of `command` and of the commands in it are looked at by what they mean, too.
 */
export function suggestByMeaning(command: Command): void {
  command.configureOutput({ outputError: (text, write) => write(withMeaning(text, command)) });
  for (const inner of command.commands) suggestByMeaning(inner);
}

const UNKNOWN = /(unknown option '--([^'=]+)[^']*')(?:\n\(Did you mean [^)]*\))?/;

function withMeaning(text: string, command: Command): string {
  const [, said, name] = UNKNOWN.exec(text) ?? [];
  if (said === undefined || name === undefined) return text;
  const flags = new Map(command.options.map((option) => [option.attributeName(), option.long]));
  const meant = synonymOf(name, [...flags.keys()]);
  return meant === undefined ? text : text.replace(UNKNOWN, `${said}\n(Did you mean ${flags.get(meant)}?)`);
}
