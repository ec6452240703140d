import { bindArguments, type Bound } from './arguments.ts';
import { hasFilter } from './filters.ts';
import { binaryOperation, compare, contains, equals, fail, isNumber, itemsOf, lengthOf } from './operators.ts';
import { toText } from './printing.ts';
import { isLower, isUpper } from './string-methods.ts';
import { Callable, Dict, DictView, HelperObject, Markup, Undefined, type Value } from './values.ts';
import type { CompareOperator } from './ast.ts';

type Test = readonly [signature: string, holds: (value: Value, ...args: Bound) => boolean];

const KINDS: Readonly<Record<string, Test>> = {
  boolean: ['', (value) => typeof value === 'boolean'],
  callable: [
    '',
    (value) =>
      value instanceof Callable || (value instanceof HelperObject && value.typeName !== 'LoopContext') || value instanceof Undefined,
  ],
  defined: ['', (value) => !(value instanceof Undefined)],
  escaped: ['', (value) => value instanceof Markup],
  false: ['', (value) => value === false],
  filter: ['', (value) => typeof value === 'string' && hasFilter(value)],
  float: ['', (value) => typeof value === 'number'],
  integer: ['', (value) => typeof value === 'bigint'],
  iterable: ['', (value) => itemsOf(value) !== undefined],
  lower: ['', (value) => isLower(toText(value))],
  mapping: ['', (value) => value instanceof Dict],
  none: ['', (value) => value === null],
  number: ['', isNumber],
  // Whatever has a length and takes an index: dicts too, but not their views.
  sequence: [
    '',
    (value) =>
      value instanceof Undefined || (!(value instanceof DictView) && !(value instanceof HelperObject) && lengthOf(value) !== undefined),
  ],
  string: ['', (value) => typeof value === 'string' || value instanceof Markup],
  test: ['', (value) => typeof value === 'string' && hasTest(value)],
  true: ['', (value) => value === true],
  undefined: ['', (value) => value instanceof Undefined],
  upper: ['', (value) => isUpper(toText(value))],
};

const NUMBERS: Readonly<Record<string, Test>> = {
  divisibleby: ['num!', (value, by) => equals(modulo(value, by!), 0n)],
  even: ['', (value) => equals(modulo(value, 2n), 0n)],
  odd: ['', (value) => equals(modulo(value, 2n), 1n)],
};

const RELATIONS: Readonly<Record<string, Test>> = {
  in: ['seq!', (value, container) => contains(container!, value)],
  sameas: ['other!', (value, other) => value === other],
};

const COMPARISONS: Readonly<Record<string, CompareOperator>> = {
  '==': '==',
  eq: '==',
  equalto: '==',
  '!=': '!=',
  ne: '!=',
  '>': '>',
  gt: '>',
  greaterthan: '>',
  ge: '>=',
  '>=': '>=',
  '<': '<',
  lt: '<',
  lessthan: '<',
  '<=': '<=',
  le: '<=',
};

const TESTS: Readonly<Record<string, Test>> = { ...KINDS, ...NUMBERS, ...RELATIONS };

export function hasTest(name: string): boolean {
  return Object.hasOwn(TESTS, name) || Object.hasOwn(COMPARISONS, name);
}

/** Whether `value is name(...)` holds. @throws TemplateError for a test that is not there */
export function applyTest(name: string, value: Value, positional: readonly Value[], keywords: ReadonlyMap<string, Value>): boolean {
  if (Object.hasOwn(COMPARISONS, name)) return compare(COMPARISONS[name]!, value, bindArguments(name, '/other!', positional, keywords)[0]!);
  if (!Object.hasOwn(TESTS, name)) return fail(`No test named '${name}'.`);
  const [signature, holds] = TESTS[name]!;
  return holds(value, ...bindArguments(name, signature, positional, keywords));
}

function modulo(value: Value, by: Value): Value {
  if (typeof value === 'string') return fail('not all arguments converted during string formatting');
  return binaryOperation('%', value, by);
}
