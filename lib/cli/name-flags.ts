import { environmentNameOf, flagOf } from '../config/fields.ts';

/** Options of the API that the command line calls otherwise. */
const OTHERWISE: Readonly<Record<string, string>> = { stopStrings: '--stop' };

/** Names between backticks, and words in the middle of which a capital stands: `temperature`, learningRate. */
const NAMES =
  /`([a-z][A-Za-z]*)`(?! \([^)]*(?:, --|\) \(did))|(?<![\w./\\"'`-]|did you mean )([a-z]+(?:[A-Z][a-z0-9]*)+)(?![\w/\\"'`(]|\.\w)/g;

/** A setting that the check of all settings names with its place. */
const PLACED = /`(\w+)` \((flags|environment), (--[a-z-]+)\)/g;

/** A message of the library in the words of the command line: settings that `flags` has are called by their flag. */
export function nameFlags(message: string, flags: readonly string[]): string {
  const placed = message.replaceAll(PLACED, (_, name: string, place: string, flag: string) =>
    place === 'flags' ? `\`${flag}\`` : environmentNameOf(name),
  );
  return placed.replaceAll(NAMES, (written, quoted: string | undefined, bare: string | undefined) => {
    const name = quoted ?? bare!;
    const flag = OTHERWISE[name] ?? flagOf(name);
    if (!flags.includes(flag) && !flags.includes(flag.replace('--', '--no-'))) return written;
    return quoted === undefined ? flag : `\`${flag}\``;
  });
}
