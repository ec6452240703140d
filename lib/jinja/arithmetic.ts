import type { BinaryOperator } from './ast.ts';
import { TemplateError } from './template-error.ts';

const MAX_BITS = 65_536;

function fail(message: string): never {
  throw new TemplateError(message);
}

/**
 * What an operator makes of two numbers: an int of ints where Python does.
 * @throws TemplateError for a division by zero, and for a number that is too large
 */
export function arithmetic(operator: BinaryOperator, left: boolean | bigint | number, right: boolean | bigint | number): bigint | number {
  const [a, b] = [left, right].map((value) => (typeof value === 'boolean' ? BigInt(value) : value));
  if (typeof a === 'bigint' && typeof b === 'bigint') return withinBits(integerArithmetic(operator, a, b));
  return floatArithmetic(operator, Number(left), Number(right));
}

function integerArithmetic(operator: BinaryOperator, a: bigint, b: bigint): bigint | number {
  if (b === 0n && ['/', '//', '%'].includes(operator)) fail(operator === '/' ? 'division by zero' : 'integer division or modulo by zero');
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return Number(a) / Number(b);
    case '//':
      return floorDivide(a, b);
    case '%':
      return a - floorDivide(a, b) * b;
    default:
      return b < 0n ? floatArithmetic('**', Number(a), Number(b)) : integerPower(a, b);
  }
}

const MOST = 1n << BigInt(MAX_BITS);

function withinBits(value: bigint | number): bigint | number {
  return typeof value === 'bigint' && (value > MOST || value < -MOST) ? tooManyBits() : value;
}

function tooManyBits(): never {
  throw new TemplateError(`the template computes a number of more than ${MAX_BITS} bits`);
}

function integerPower(a: bigint, b: bigint): bigint {
  if (BigInt(a.toString(2).length) * b > BigInt(MAX_BITS)) tooManyBits();
  return a ** b;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function floatArithmetic(operator: BinaryOperator, a: number, b: number): bigint | number {
  if (b === 0 && ['/', '//', '%'].includes(operator)) fail(operator === '/' ? 'float division by zero' : 'float floor division by zero');
  if (a === 0 && b < 0 && operator === '**') fail('0.0 cannot be raised to a negative power');
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor((a - floatModulo(a, b)) / b + 0.5);
    case '%':
      return floatModulo(a, b);
    default:
      return a ** b;
  }
}

/** The remainder takes the sign of the divisor. */
function floatModulo(a: number, b: number): number {
  const rest = a % b;
  if (rest !== 0) return rest < 0 !== b < 0 ? rest + b : rest;
  return b < 0 ? -0 : 0;
}
