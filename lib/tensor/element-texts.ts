import type { DType } from '../addon-types.ts';

const DECIMALS = 4;

/**
 * Elements as texts of one width, so that columns stand below each other; one element alone has six digits. Fractions have up to four
 * decimals, or are all written with exponents where their sizes differ too much for that: where torch.set_printoptions says so (largest
 * over smallest above 1000, above 1e8, below 1e-4).
 */
export function elementTexts(elements: readonly (number | bigint)[], dtype: DType, isArray: boolean): string[] {
  const text = dtype === 'bool' ? (element: number | bigint) => (element ? 'true' : 'false') : numberText(elements, isArray);
  const texts = elements.map((element) => text(element));
  const width = Math.max(...texts.map(({ length }) => length));
  return texts.map((each) => each.padStart(width));
}

function numberText(elements: readonly (number | bigint)[], isArray: boolean): (element: number | bigint) => string {
  if (!isArray) return (element) => (typeof element === 'bigint' ? String(element) : String(Number(element.toPrecision(6))));
  const finite = elements.filter((element): element is number => typeof element === 'number' && Number.isFinite(element));
  const sizes = finite.filter((element) => element !== 0).map(Math.abs);
  const least = sizes.reduce((a, b) => Math.min(a, b), Infinity);
  const most = sizes.reduce((a, b) => Math.max(a, b), 0);
  const isWhole = finite.every(Number.isInteger) && most < 1e15;
  if (isWhole) return String;
  if (most / least > 1000 || most > 1e8 || least < 1e-4)
    return (element) => fixedOrWord(element, (number) => number.toExponential(DECIMALS));
  const decimals = Math.max(...finite.map((element) => decimalsOf(element.toFixed(DECIMALS))));
  return (element) => fixedOrWord(element, (number) => number.toFixed(decimals));
}

function fixedOrWord(element: number | bigint, write: (number: number) => string): string {
  return typeof element === 'number' && Number.isFinite(element) ? write(element) : String(element);
}

function decimalsOf(fixed: string): number {
  return fixed.replace(/0+$/, '').split('.')[1]!.length;
}
