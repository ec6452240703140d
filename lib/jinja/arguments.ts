import { TemplateError } from './template-error.ts';
import { Callable, type Value } from './values.ts';

/** Arguments in the order of a signature; undefined for those not given. */
export type Bound = (Value | undefined)[];

/**
 * Arguments sorted by a signature such as `old! new! count`, where `!` marks what must be given and a leading `/` in the signature
 * forbids keywords, as Python's built-in methods do.
 * @throws TemplateError for too many, too few or unknown ones
 */
export function bindArguments(name: string, signature: string, positional: readonly Value[], keywords: ReadonlyMap<string, Value>): Bound {
  const takesKeywords = !signature.startsWith('/');
  const parameters = signature
    .replace('/', '')
    .split(' ')
    .filter((each) => each !== '');
  const names = parameters.map((parameter) => parameter.replace('!', ''));
  if (positional.length > names.length) {
    throw new TemplateError(`${name}() takes at most ${names.length} arguments (${positional.length} given)`);
  }
  if (!takesKeywords && keywords.size > 0) throw new TemplateError(`${name}() takes no keyword arguments`);
  const bound: Bound = names.map((_, index) => positional[index]);
  for (const [keyword, value] of keywords) {
    const index = names.indexOf(keyword);
    if (index === -1) throw new TemplateError(`${name}() got an unexpected keyword argument '${keyword}'`);
    if (bound[index] !== undefined) throw new TemplateError(`${name}() got multiple values for argument '${keyword}'`);
    bound[index] = value;
  }
  const missing = parameters.findIndex((parameter, index) => parameter.endsWith('!') && bound[index] === undefined);
  if (missing !== -1) throw new TemplateError(`${name}() missing required argument '${names[missing]}'`);
  return bound;
}

/** A function or method of a signature (see `bindArguments`). */
export function makeCallable(
  name: string,
  signature: string,
  run: (...args: Bound) => Value,
  typeName = 'builtin_function_or_method',
): Callable {
  return new Callable(name, (positional, keywords) => run(...bindArguments(name, signature, positional, keywords)), typeName);
}
