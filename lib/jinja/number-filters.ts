import type { Filter } from './filters.ts';
import { fixed } from './number-format.ts';
import { fail, isNumber, needInteger, toInteger } from './operators.ts';
import { needText } from './printing.ts';
import { Markup, Undefined, typeName, type Value } from './values.ts';

export const NUMBER_FILTERS: Readonly<Record<string, Filter>> = {
  abs: ['', absolute],
  float: ['default', (value, fallback = 0) => toFloat(value) ?? fallback],
  int: ['default base', (value, fallback = 0n, base = 10n) => toInt(value, needInteger(base)) ?? fallback],
  round: ['precision method', round],
};

function absolute(value: Value): Value {
  if (typeof value === 'number') return Math.abs(value);
  const integer = toInteger(value);
  if (integer === undefined) return fail(`bad operand type for abs(): '${typeName(value)}'`);
  return integer < 0n ? -integer : integer;
}

/** Python's `int(value)`, and for text what comes before a point. */
function toInt(value: Value, base: number): bigint | undefined {
  if (value instanceof Undefined) return value.fail();
  if (isNumber(value)) return toInteger(value) ?? wholePart(Number(value));
  if (typeof value !== 'string' && !(value instanceof Markup)) return undefined;
  return readInteger(needText(value, 'int'), base) ?? wholePart(toFloat(value));
}

function wholePart(value: number | undefined): bigint | undefined {
  return value === undefined || !Number.isFinite(value) ? undefined : BigInt(Math.trunc(value));
}

const PREFIXES: Readonly<Record<number, RegExp>> = { 2: /^0b_?/i, 8: /^0o_?/i, 16: /^0x_?/i };

function readInteger(text: string, base: number): bigint | undefined {
  const [, sign = '', digits = ''] = /^([-+]?)([\da-z_]+)$/i.exec(text.trim()) ?? [];
  if (digits.length > 4300) return fail('Exceeds the limit (4300 digits) for integer string conversion');
  const from = base === 0 ? ([2, 8, 16].find((each) => PREFIXES[each]!.test(digits)) ?? 10) : base;
  const bare = digits.replace(PREFIXES[from] ?? /^(?!)/, '');
  if (!/^[\da-z]+(?:_[\da-z]+)*$/i.test(bare)) return undefined;
  let value = 0n;
  for (const digit of bare.replaceAll('_', '')) {
    const amount = Number.parseInt(digit, 36);
    if (amount >= from) return undefined;
    value = value * BigInt(from) + BigInt(amount);
  }
  return sign === '-' ? -value : value;
}

const DECIMAL = /^[-+]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+(?:_\d+)*)?$/i;

/** Python's `float(value)`; undefined where that fails. */
function toFloat(value: Value): number | undefined {
  if (value instanceof Undefined) return value.fail();
  if (isNumber(value)) return Number(value);
  if (typeof value !== 'string' && !(value instanceof Markup)) return undefined;
  const text = needText(value, 'float').trim();
  if (DECIMAL.test(text)) return Number(text.replaceAll('_', ''));
  const [, sign, word] = /^([-+]?)(inf|infinity|nan)$/i.exec(text) ?? [];
  if (word === undefined) return undefined;
  return word.toLowerCase() === 'nan' ? Number.NaN : sign === '-' ? -Infinity : Infinity;
}

function round(value: Value, precision: Value = 0n, method: Value = 'common'): Value {
  if (value instanceof Undefined || !isNumber(value)) return fail(`type ${typeName(value)} doesn't define __round__ method`);
  if (method !== 'common' && method !== 'ceil' && method !== 'floor') fail('method must be common, ceil or floor');
  const digits = needInteger(precision);
  if (method === 'common') return roundEven(value, digits);
  const scale = 10 ** digits;
  return Math[method as 'ceil' | 'floor'](Number(value) * scale) / scale;
}

/** To the nearest, ties to the even digit; an int stays one. */
function roundEven(value: boolean | bigint | number, digits: number): Value {
  const integer = toInteger(value);
  if (integer !== undefined && digits >= 0) return integer;
  const number = Number(value);
  if (!Number.isFinite(number)) return number;
  const size = Math.abs(number);
  const rounded = digits >= 0 ? Number(fixed(size, digits)) : Number(fixed(size / 10 ** -digits, 0)) * 10 ** -digits;
  const signed = number < 0 || Object.is(number, -0) ? -rounded : rounded;
  return integer === undefined ? signed : BigInt(signed);
}
