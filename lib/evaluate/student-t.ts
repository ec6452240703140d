/**
 * Probability that Student's t of `freedom` degrees is at most `t`. Source: by the regularised incomplete beta function, Abramowitz and
 * Stegun 26.7.1.
 */
export function studentCumulative(t: number, freedom: number): number {
  const tail = studentTail(Math.abs(t), freedom);
  return t >= 0 ? 1 - tail : tail;
}

/** Probability that t exceeds `t`, at least 0. By itself, since 1 minus a cumulative probability has no digits far out. */
export function studentTail(t: number, freedom: number): number {
  if (t === Number.POSITIVE_INFINITY) return 0;
  return 0.5 * incompleteBeta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

/**
 * The t that is exceeded with this probability, which is below one half. Newton's steps in the logarithm of the tail, kept between bounds.
 */
export function studentUpper(tail: number, freedom: number): number {
  let [low, high] = [0, 1];
  while (studentTail(high, freedom) > tail) [low, high] = [high, high * 2];
  const constant = Math.exp(logGamma((freedom + 1) / 2) - logGamma(freedom / 2)) / Math.sqrt(freedom * Math.PI);
  let t = (low + high) / 2;
  for (let step = 0; step < 100 && high - low > 1e-14 * high; step += 1) {
    const found = studentTail(t, freedom);
    if (found > tail) low = t;
    else high = t;
    const density = constant * (1 + (t * t) / freedom) ** (-(freedom + 1) / 2);
    const next = t + (Math.log(found / tail) * found) / density;
    if (Math.abs(next - t) < 1e-14 * t) return next;
    t = next > low && next < high ? next : (low + high) / 2;
  }
  return t;
}

/** Regularised. The fraction converges fast below the mean of the distribution; above it the other tail is taken. */
function incompleteBeta(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(a, b, x)) / a : 1 - (front * betaFraction(b, a, 1 - x)) / b;
}

/** Continued fraction by Lentz's method. */
function betaFraction(a: number, b: number, x: number): number {
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 1000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const numerator of [even, odd]) {
      d = 1 / away(1 + numerator * d);
      c = away(1 + numerator / c);
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return fraction;
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Source: Lanczos 1964, with g = 7 and nine terms; for positive arguments. */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  const base = shifted + 7.5;
  const series = LANCZOS.slice(1).reduce((sum, coefficient, index) => sum + coefficient / (shifted + index + 1), LANCZOS[0]!);
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(series);
}
