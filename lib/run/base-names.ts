import { basename } from 'node:path';

/** Names after folders, up to what ends a path in a sentence. */
const ABSOLUTE_PATH = /(?<![\w.:/~])~?\/(?:[^\s/,;:'"`()]+\/)+([^\s/,;:'"`()]*)/g;

/**
 * A sentence as it may stand on a page that is passed on: files by their names, without the folders of whoever ran it. `known` are paths
 * that may hold spaces.
 */
export function withoutFolders(text: string, known: readonly (string | null | undefined)[] = []): string {
  const paths = known.filter((path) => typeof path === 'string' && path.includes('/')).sort((a, b) => b!.length - a!.length) as string[];
  const named = paths.reduce((shown, path) => shown.replaceAll(path, basename(path)), text);
  return named.replace(ABSOLUTE_PATH, (path, name: string) => (name === '' ? basename(path) : name));
}
