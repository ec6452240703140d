import type { MacroSignature, Statement } from './ast.ts';
import { evaluate } from './evaluator.ts';
import type { Interpreter } from './interpreter.ts';
import { findNames } from './names.ts';
import { fail } from './operators.ts';
import { Scope } from './scope.ts';
import { Callable, Dict, orElse, Tuple, Undefined, type Value } from './values.ts';

interface MacroParts {
  macro: MacroSignature;
  body: readonly Statement[];
}

/** A macro as a function that gives text. Its names are looked up where it was made, at the time of the call. */
export function makeMacro(interpreter: Interpreter, name: string, parts: MacroParts, scope: Scope): Callable {
  const names = findNames(parts.body);
  const call = (positional: Value[], keywords: ReadonlyMap<string, Value>): Value => {
    const inner = new Scope(scope);
    bindParameters(name, parts.macro, names, positional, new Map(keywords), inner);
    return interpreter.runApart(parts.body, inner);
  };
  const attributes = new Map<string, Value>([
    ['name', name],
    ['arguments', new Tuple(parts.macro.parameters.map((parameter) => parameter.name))],
    ['catch_kwargs', names.has('kwargs')],
    ['catch_varargs', names.has('varargs')],
    ['caller', names.has('caller')],
  ]);
  return new Callable(name, call, 'Macro', attributes);
}

function bindParameters(
  macro: string,
  { parameters }: MacroSignature,
  names: ReadonlySet<string>,
  positional: Value[],
  keywords: Map<string, Value>,
  scope: Scope,
): void {
  const given = parameters.map(({ name }, index) => (index < positional.length ? positional[index] : take(keywords, name)));
  parameters.forEach(({ name, fallback }, index) => {
    const missing = (): Value =>
      fallback === undefined ? new Undefined(`parameter '${name}' was not provided`) : evaluate(fallback, scope);
    scope.set(name, orElse(given[index], missing));
  });
  if (names.has('caller') && !parameters.some(({ name }) => name === 'caller')) {
    scope.set('caller', take(keywords, 'caller') ?? new Undefined('No caller defined'));
  }
  if (names.has('kwargs')) scope.set('kwargs', new Dict(keywords));
  else if (keywords.size > 0) fail(`macro '${macro}' takes no keyword argument '${[...keywords.keys()][0]}'`);
  const extra = positional.slice(parameters.length);
  if (names.has('varargs')) scope.set('varargs', new Tuple(extra));
  else if (extra.length > 0) fail(`macro '${macro}' takes not more than ${parameters.length} argument(s)`);
}

function take(keywords: Map<string, Value>, name: string): Value | undefined {
  const value = keywords.get(name);
  keywords.delete(name);
  return value;
}
