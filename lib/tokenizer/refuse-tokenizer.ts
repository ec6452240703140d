import { HyperfitError } from '../errors.ts';

/** @throws HyperfitError ERR_TOKENIZER, always; `name` is the file */
export function refuseTokenizer(name: string, expected: string, got: string, remedy = 'correct it, or fetch the file again'): never {
  throw new HyperfitError('ERR_TOKENIZER', `expected ${expected} in ${name}, got ${got}; ${remedy}`);
}
