import { HyperfitError } from '../errors.ts';
import { didYouMean } from './suggest.ts';

/**
 * Refuses what is no object of options, and options that nothing reads: a misspelt one is a wish that somebody believes in.
 * @param owner whose options they are, as in "Optimizer"
 * @throws HyperfitError ERR_CONFIG with the nearest known name
 */
export function checkOptions(options: unknown, known: readonly string[], owner: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected an object of options for ${owner}, got ${Array.isArray(options) ? 'a list' : String(options)}; write {}, or leave them out`,
    );
  }
  const strangers = Object.keys(options).filter((name) => !known.includes(name));
  if (strangers.length === 0) return;
  const named = strangers.map((name) => `\`${name}\`${didYouMean(name, known)}`).join(', ');
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected options of ${owner} (${known.join(', ')}), got ${named}; correct or leave out ${strangers.length === 1 ? 'it' : 'them'}`,
  );
}
