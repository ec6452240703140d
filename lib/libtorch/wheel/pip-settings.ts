import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where packages come from and how, as pip would do it. */
export interface PipSettings {
  /** Bases of simple indexes, the main one first; none with `--no-index`. */
  indexes: readonly string[];
  proxy: string | undefined;
  /** A file of certificates to trust. */
  certificates: string | undefined;
}

/** What pip asks where nobody set anything. */
const DEFAULT_INDEX = 'https://pypi.org/simple';

/**
 * Reads what `pip download` would: its environment variables, then its files, those of the virtual environment and of the user before
 * the machine's. `index` and `HYPERFIT_INDEX_URL` go before all of them.
 */
export function pipSettings(env: NodeJS.ProcessEnv = process.env, index: string | undefined = env.HYPERFIT_INDEX_URL): PipSettings {
  const files = configurationFiles(env).map(readSections);
  const setting = (name: string): string | undefined => {
    const ofEnvironment = env[`PIP_${name.toUpperCase().replaceAll('-', '_')}`];
    if (ofEnvironment !== undefined) return ofEnvironment.trim() || undefined;
    return files.map((sections) => sections.get(`download.${name}`) ?? sections.get(`global.${name}`)).find((value) => value !== undefined);
  };
  const main = index || setting('index-url') || DEFAULT_INDEX;
  const more = index ? [] : (setting('extra-index-url') ?? '').split(/\s+/);
  const isOff = !index && /^(1|true|yes|on)$/i.test(setting('no-index') ?? '');
  return {
    indexes: isOff ? [] : [main, ...more].filter((address) => address !== ''),
    proxy: setting('proxy'),
    certificates: setting('cert') ?? (env.SSL_CERT_FILE || env.REQUESTS_CA_BUNDLE || undefined),
  };
}

/** The nearest first; `PIP_CONFIG_FILE` goes before all, and /dev/null means none. */
function configurationFiles(env: NodeJS.ProcessEnv): string[] {
  const own = env.PIP_CONFIG_FILE;
  if (own === '/dev/null') return [];
  const home = env.HOME || homedir();
  const files = [
    own,
    env.VIRTUAL_ENV && join(env.VIRTUAL_ENV, 'pip.conf'),
    join(env.XDG_CONFIG_HOME || join(home, '.config'), 'pip', 'pip.conf'),
    join(home, '.pip', 'pip.conf'),
    ...(env.XDG_CONFIG_DIRS || '/etc/xdg').split(':').map((folder) => join(folder, 'pip', 'pip.conf')),
    '/etc/pip.conf',
  ];
  return files.filter((path): path is string => Boolean(path) && existsSync(path as string));
}

/** "section.name" to value; a line that begins with white space goes on with the value before. */
function readSections(path: string): Map<string, string> {
  const values = new Map<string, string>();
  let [section, name] = ['', ''];
  for (const line of readText(path).split(/\r?\n/)) {
    const heading = /^\[([^\]]+)\]/.exec(line)?.[1];
    const row = /^([\w-]+)\s*[=:]\s*(.*)$/.exec(line);
    if (heading !== undefined) section = heading.trim();
    else if (/^\s*[#;]/.test(line)) continue;
    else if (/^\s+\S/.test(line) && name !== '') values.set(name, `${values.get(name) ?? ''}\n${line.trim()}`.trim());
    else if (row !== null) {
      name = `${section}.${(row[1] ?? '').toLowerCase().replaceAll('_', '-')}`;
      values.set(name, (row[2] ?? '').trim().replace(/^(['"])(.*)\1$/, '$2'));
    }
  }
  return values;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // pip passes over what it may not read
  }
}
