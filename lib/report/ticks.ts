const STEPS = [1, 2, 2.5, 5, 10];

/** Evenly spaced round numbers from 0 up to the first at or above `max`; about `count` steps. `whole` keeps them whole numbers. */
export function roundTicks(max: number, count: number, whole = false): number[] {
  const step = roundStep(max / count, whole);
  const last = Math.max(1, Math.ceil(max / step - 1e-9));
  return Array.from({ length: last + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

function roundStep(rough: number, whole: boolean): number {
  if (!(rough > 0) || !Number.isFinite(rough)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * STEPS.find((candidate) => candidate * power >= rough * (1 - 1e-9))!;
  return whole ? Math.max(1, Math.ceil(step)) : step;
}

/** As many digits as tell the ticks apart. */
export function tickDigits(ticks: readonly number[]): number {
  const step = (ticks[1] ?? 1) - (ticks[0] ?? 0);
  const digits = [0, 1, 2, 3, 4].find((count) => Math.abs(Number(step.toFixed(count)) - step) < step * 1e-6);
  return digits ?? 5;
}
