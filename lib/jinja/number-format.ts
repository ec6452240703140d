import { characters, fail, isNumber, toInteger } from './operators.ts';
import { floatRepr, toText } from './printing.ts';
import { justify } from './text.ts';
import { typeName, type Value } from './values.ts';

/** How a value is to be written: Python's `[[fill]align][sign][#][0][width][,][.precision][type]`. */
export interface FormatSpec {
  fill: string;
  align: string;
  sign: string;
  isAlternate: boolean;
  width: number;
  grouping: string;
  precision: number | undefined;
  type: string;
}

const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/su;

/** @throws TemplateError for what is no format */
export function readFormatSpec(text: string): FormatSpec {
  const found = SPEC.exec(text);
  if (found === null || found[4] !== undefined) return fail(`Invalid format specifier '${text}'`);
  const [, fill, align, sign = '-', , alternate, zero, width = '0', grouping = '', precision, type = ''] = found;
  const isZero = zero !== undefined && align === undefined;
  return {
    fill: fill ?? (zero === undefined ? ' ' : '0'),
    align: align ?? (isZero ? '=' : ''),
    sign,
    isAlternate: alternate !== undefined,
    width: checkWidth(Number(width)),
    grouping,
    precision: precision === undefined ? undefined : checkWidth(Number(precision)),
    type,
  };
}

/** Python's `format(value, spec)`. */
export function formatValue(value: Value, text: string): string {
  if (text === '') return toText(value);
  const spec = readFormatSpec(text);
  if (isNumber(value) && (typeof value !== 'boolean' || spec.type !== '')) return formatNumber(value, spec);
  if (typeof value !== 'string' && typeof value !== 'boolean') fail(`unsupported format string passed to ${typeName(value)}.__format__`);
  if (spec.type !== '' && spec.type !== 's') fail(`Unknown format code '${spec.type}' for object of type 'str'`);
  const whole = toText(value);
  return align(spec.precision === undefined ? whole : characters(whole).slice(0, spec.precision).join(''), spec, '<');
}

export function formatNumber(value: boolean | bigint | number, spec: FormatSpec): string {
  if (spec.type === 's') fail(`Unknown format code 's' for object of type '${typeName(value)}'`);
  const integer = toInteger(value);
  const {
    sign,
    digits,
    suffix = '',
  } = integer !== undefined && 'bcdnoxX'.includes(spec.type) ? writeInteger(integer, spec) : writeFloat(value, spec);
  const prefix = sign + (spec.isAlternate ? ({ b: '0b', o: '0o', x: '0x', X: '0X' }[spec.type] ?? '') : '');
  const grouped = group(digits, spec) + suffix;
  if (spec.align === '=') return prefix + justify(grouped, spec.width - prefix.length, spec.fill, 'left');
  return align(prefix + grouped, spec, '>');
}

function writeInteger(value: bigint, spec: FormatSpec): { sign: string; digits: string; suffix?: string } {
  if (spec.type === 'c') return { sign: '', digits: String.fromCodePoint(Number(value)) };
  const base = { b: 2, o: 8, x: 16, X: 16 }[spec.type] ?? 10;
  const digits = (value < 0n ? -value : value).toString(base).padStart(spec.type === 'd' ? (spec.precision ?? 0) : 0, '0');
  return { sign: signOf(value < 0n, spec), digits: spec.type === 'X' ? digits.toUpperCase() : digits };
}

function writeFloat(value: boolean | bigint | number, spec: FormatSpec): { sign: string; digits: string; suffix?: string } {
  if ('bcdoxX'.includes(spec.type) && spec.type !== '') fail(`Unknown format code '${spec.type}' for object of type 'float'`);
  const number = Number(value);
  const sign = signOf(number < 0 || Object.is(number, -0), spec);
  const size = Math.abs(number);
  if (!Number.isFinite(size)) {
    return { sign, digits: 'EFG'.includes(spec.type) && spec.type !== '' ? floatRepr(size).toUpperCase() : floatRepr(size) };
  }
  if (spec.type === '%') return { sign, digits: fixed(size * 100, spec.precision ?? 6), suffix: '%' };
  if (spec.type === '' && spec.precision === undefined) return { sign, digits: floatRepr(size) };
  const digits = writeDigits(size, spec);
  return { sign, digits: 'EG'.includes(spec.type) && spec.type !== '' ? digits.toUpperCase() : digits };
}

function writeDigits(size: number, { type, precision = 6, isAlternate }: FormatSpec): string {
  if (type === 'f' || type === 'F') return fixed(size, precision);
  if (type === 'e' || type === 'E') return exponential(size, precision);
  const significant = Math.max(1, precision);
  const exponent = Number(size.toExponential(Math.min(100, significant - 1)).split('e')[1]);
  // Without a type a float keeps a digit behind its point.
  const limit = type === '' ? significant - 1 : significant;
  const isPlain = exponent >= -4 && exponent < Math.max(limit, 1);
  const written = isPlain ? fixed(size, Math.max(0, significant - 1 - exponent)) : exponential(size, significant - 1);
  const trimmed = isAlternate ? written : written.replace(/(\.\d*?)0+(?=e|$)/, '$1').replace(/\.(?=e|$)/, '');
  return type === '' && isPlain && !trimmed.includes('.') ? `${trimmed}.0` : trimmed;
}

function exponential(size: number, precision: number): string {
  const [mantissa = '', exponent = ''] = size.toExponential(Math.min(100, precision)).split('e');
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/** `size` with so many decimals; a tie goes to the even digit, as in Python. */
export function fixed(size: number, precision: number): string {
  if (size >= 1e21) return BigInt(size).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '');
  const written = size.toFixed(Math.min(100, precision));
  const exact = size.toFixed(100);
  const rest = exact.slice(exact.indexOf('.') + 1 + precision);
  if (precision > 90 || !/^50*$/.test(rest)) return written;
  const down = exact.slice(0, exact.indexOf('.') + (precision === 0 ? 0 : 1 + precision));
  return '02468'.includes(down.at(-1)!) ? down : written;
}

function signOf(isNegative: boolean, { sign }: FormatSpec): string {
  if (isNegative) return '-';
  return sign === '-' ? '' : sign;
}

function group(digits: string, { grouping, type }: FormatSpec): string {
  if (grouping === '') return digits;
  const [, whole = '', rest = ''] = /^(\w*?)((?:\..*|e.*)?)$/.exec(digits) ?? [];
  const size = 'box'.includes(type) && type !== '' ? 4 : 3;
  // A single letter of nan or inf is no digit.
  return (/^[\da-f]+$/i.test(whole) ? inGroups(whole, size).join(grouping) : whole) + rest;
}

/** From the right. */
function inGroups(digits: string, size: number): string[] {
  const first = digits.length % size;
  const groups = first === 0 ? [] : [digits.slice(0, first)];
  for (let at = first; at < digits.length; at += size) groups.push(digits.slice(at, at + size));
  return groups;
}

function align(text: string, spec: FormatSpec, usual: string): string {
  const side = { '<': 'right', '>': 'left', '=': 'left', '^': 'both' }[spec.align === '' ? usual : spec.align] as 'right' | 'left' | 'both';
  if (side !== 'both') return justify(text, spec.width, spec.fill, side);
  const missing = Math.max(0, spec.width - characters(text).length);
  return spec.fill.repeat(Math.floor(missing / 2)) + text + spec.fill.repeat(Math.ceil(missing / 2));
}

/** A width of millions only exhausts memory. */
function checkWidth(width: number): number {
  return width > 1_000_000 ? fail('Too many decimal digits in format string') : width;
}
