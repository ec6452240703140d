import { arithmetic } from './arithmetic.ts';
import type { BinaryOperator, CompareOperator } from './ast.ts';
import { spend } from './effort.ts';
import { formatPercent } from './percent-format.ts';
import { escapeText, toText } from './printing.ts';
import { TemplateError } from './template-error.ts';
import { Dict, DictView, HelperObject, Iterator, Markup, Range, Tuple, Undefined, typeName, type Value } from './values.ts';

/** A template is a page or two: beyond this it is a mistake, or meant to exhaust memory. */
const MAX_LENGTH = 50_000_000;

/** Python's `bool(value)`. */
export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0;
  const length = lengthOf(value);
  return length === undefined || length > 0;
}

/** Python's `len(value)`; undefined for what has none. */
export function lengthOf(value: Value): number | undefined {
  if (typeof value === 'string') return countCharacters(value);
  if (value instanceof Markup) return countCharacters(value.text);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof DictView) return value.dict.size;
  if (value instanceof Range) return value.items().length;
  if (value instanceof Undefined) return 0;
  const length = value instanceof HelperObject ? value.attribute('length') : undefined;
  return typeof length === 'bigint' ? Number(length) : undefined;
}

/** How much there is to go through in a value, in characters or items; what is within the items counts when they are gone through. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  if (value instanceof Markup) return value.text.length;
  if (value instanceof Tuple) return value.items.length;
  return value instanceof Dict ? value.size : 0;
}

/** Characters are code points, as in Python. */
export function characters(text: string): string[] {
  spend(text.length);
  return Array.from(text);
}

function countCharacters(text: string): number {
  return /[\ud800-\udfff]/.test(text) ? characters(text).length : text.length;
}

/** The items of what can be iterated over; undefined for what cannot. */
export function itemsOf(value: Value): Iterable<Value> | undefined {
  if (typeof value === 'string') return characters(value);
  if (value instanceof Markup) return characters(value.text).map((each) => new Markup(each));
  if (Array.isArray(value)) return value;
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return value.keys();
  if (value instanceof DictView || value instanceof Range) return value.items();
  if (value instanceof Undefined) return [];
  return value instanceof Iterator ? drain(value) : undefined;
}

function* drain(iterator: Iterator): Generator<Value> {
  for (let item = iterator.next(); item !== undefined; item = iterator.next()) yield item;
}

/** @throws TemplateError for what cannot be iterated over */
export function iterate(value: Value): Iterable<Value> {
  return itemsOf(value) ?? fail(`'${typeName(value)}' object is not iterable`);
}

export function isNumber(value: Value): value is boolean | bigint | number {
  return typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'number';
}

/** As int where it is one, or a bool. */
export function toInteger(value: Value): bigint | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'bigint' ? value : undefined;
}

/** An int argument as a number of JavaScript. @throws TemplateError for another type */
export function needInteger(value: Value): number {
  if (value instanceof Undefined) return value.fail();
  const integer = toInteger(value);
  return integer === undefined ? fail(`'${typeName(value)}' object cannot be interpreted as an integer`) : Number(integer);
}

export function equals(left: Value, right: Value): boolean {
  spend();
  if (left instanceof Undefined || right instanceof Undefined) return left instanceof Undefined && right instanceof Undefined;
  if (isNumber(left) && isNumber(right)) return orderNumbers(left, right) === 0;
  if (left instanceof Markup || right instanceof Markup) return asText(left) !== undefined && asText(left) === asText(right);
  if (Array.isArray(left) && Array.isArray(right)) return sameItems(left, right);
  if (left instanceof Tuple && right instanceof Tuple) return sameItems(left.items, right.items);
  if (left instanceof Dict && right instanceof Dict) return sameEntries(left, right);
  if (left instanceof Range && right instanceof Range) return sameItems(left.items(), right.items());
  if (left instanceof DictView && right instanceof DictView && left.kind !== 'values') return sameSets(left, right);
  return left === right;
}

function asText(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Markup ? value.text : undefined;
}

function sameItems(left: readonly Value[], right: readonly Value[]): boolean {
  return left.length === right.length && left.every((item, index) => equals(item, right[index]!));
}

function sameEntries(left: Dict, right: Dict): boolean {
  if (left.size !== right.size) return false;
  return left.entries().every(([key, value]) => {
    const other = right.get(key);
    return other !== undefined && equals(value, other);
  });
}

function sameSets(left: DictView, right: DictView): boolean {
  return left.dict.size === right.dict.size && left.items().every((item) => contains(right, item));
}

/** Python's `item in container`. */
export function contains(container: Value, item: Value): boolean {
  const text = asText(container);
  if (text !== undefined) {
    if (item instanceof Undefined || asText(item) === undefined) {
      fail(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    return text.includes(asText(item)!);
  }
  if (container instanceof Dict) return container.has(item);
  for (const each of itemsOf(container) ?? fail(`argument of type '${typeName(container)}' is not iterable`)) {
    if (equals(each, item)) return true;
  }
  return false;
}

export function compare(operator: CompareOperator, left: Value, right: Value): boolean {
  if (operator === '==') return equals(left, right);
  if (operator === '!=') return !equals(left, right);
  if (operator === 'in') return contains(right, left);
  if (operator === 'not in') return !contains(right, left);
  const order = orderOf(left, right, operator);
  return { '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[operator];
}

/** Below 0, 0 or above it; NaN for floats that are none. @throws TemplateError for types that have no order */
export function orderOf(left: Value, right: Value, operator = '<'): number {
  spend();
  if (left instanceof Undefined) return left.fail();
  if (right instanceof Undefined) return right.fail();
  if (isNumber(left) && isNumber(right)) return orderNumbers(left, right);
  const [leftText, rightText] = [asText(left), asText(right)];
  if (leftText !== undefined && rightText !== undefined) return orderTexts(leftText, rightText);
  if (Array.isArray(left) && Array.isArray(right)) return orderItems(left, right, operator);
  if (left instanceof Tuple && right instanceof Tuple) return orderItems(left.items, right.items, operator);
  return fail(`'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`);
}

function orderNumbers(left: boolean | bigint | number, right: boolean | bigint | number): number {
  if (Number.isNaN(left) || Number.isNaN(right)) return Number.NaN;
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

/** By code points, where JavaScript compares halves of surrogate pairs. */
function orderTexts(left: string, right: string): number {
  if (left === right) return 0;
  const [a, b] = [characters(left), characters(right)];
  const apart = a.findIndex((character, index) => character !== b[index]);
  if (apart === -1) return -1;
  return b[apart] === undefined ? 1 : a[apart]!.codePointAt(0)! - b[apart].codePointAt(0)!;
}

function orderItems(left: readonly Value[], right: readonly Value[], operator: string): number {
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    if (!equals(left[at]!, right[at]!)) return orderOf(left[at]!, right[at]!, operator);
  }
  return left.length - right.length;
}

/** `~`: all as plain text, marked or not. */
export function concat(values: readonly Value[]): Value {
  return checkLength(values.map(toText).join(''));
}

export function binaryOperation(operator: BinaryOperator, left: Value, right: Value): Value {
  spend();
  if (operator === '%' && (typeof left === 'string' || left instanceof Markup)) return formatPercent(left, right);
  if (left instanceof Undefined) return left.fail();
  if (right instanceof Undefined) return right.fail();
  if (isNumber(left) && isNumber(right)) return arithmetic(operator, left, right);
  const result = operator === '+' ? add(left, right) : operator === '*' ? (repeat(left, right) ?? repeat(right, left)) : undefined;
  return result ?? fail(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

function add(left: Value, right: Value): Value | undefined {
  if (typeof left === 'string' && typeof right === 'string') return checkLength(left + right);
  if (left instanceof Markup || right instanceof Markup) {
    return asText(left) === undefined || asText(right) === undefined
      ? undefined
      : new Markup(escapeText(left).text + escapeText(right).text);
  }
  if (Array.isArray(left) && Array.isArray(right)) return checkLength([...left, ...right]);
  if (left instanceof Tuple && right instanceof Tuple) return new Tuple([...left.items, ...right.items]);
  if (typeof left === 'string') return fail(`can only concatenate str (not "${typeName(right)}") to str`);
  return Array.isArray(left) ? fail(`can only concatenate list (not "${typeName(right)}") to list`) : undefined;
}

function repeat(value: Value, count: Value): Value | undefined {
  const integer = toInteger(count);
  if (integer === undefined) return undefined;
  const times = Math.max(0, Number(integer));
  const text = asText(value);
  const items = Array.isArray(value) ? value : value instanceof Tuple ? value.items : undefined;
  if ((text ?? items ?? []).length * times > MAX_LENGTH) throw tooLong();
  if (text !== undefined) return value instanceof Markup ? new Markup(text.repeat(times)) : text.repeat(times);
  if (items === undefined) return undefined;
  const repeated = Array.from({ length: times }, () => items).flat();
  return Array.isArray(value) ? repeated : new Tuple(repeated);
}

export function checkLength<T extends { length: number }>(value: T): T {
  if (value.length > MAX_LENGTH) throw tooLong();
  return value;
}

function tooLong(): TemplateError {
  return new TemplateError(`the template makes a value of more than ${MAX_LENGTH} characters or items`);
}

export function negate(value: Value): Value {
  if (value instanceof Undefined) return value.fail();
  if (typeof value === 'number') return -value;
  const integer = toInteger(value);
  return integer === undefined ? fail(`bad operand type for unary -: '${typeName(value)}'`) : -integer;
}

export function plus(value: Value): Value {
  if (value instanceof Undefined) return value.fail();
  return typeof value === 'number' ? value : (toInteger(value) ?? fail(`bad operand type for unary +: '${typeName(value)}'`));
}

export function fail(message: string): never {
  throw new TemplateError(message);
}
