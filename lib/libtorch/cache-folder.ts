import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where downloads are kept per user: `HYPERFIT_CACHE`, else `$XDG_CACHE_HOME/hyperfit`, else `~/.cache/hyperfit`.
 *
 * @example
 * cacheFolder({ HYPERFIT_CACHE: '/data/hyperfit' }); // /data/hyperfit
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HYPERFIT_CACHE) return env.HYPERFIT_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hyperfit');
}
