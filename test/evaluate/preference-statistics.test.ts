import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bradleyTerry, type Match } from '../../lib/evaluate/bradley-terry.ts';
import { fleissKappa } from '../../lib/evaluate/fleiss-kappa.ts';
import { holm } from '../../lib/evaluate/holm.ts';
import { signTest } from '../../lib/evaluate/sign-test.ts';
import { normalQuantile, wilsonInterval } from '../../lib/evaluate/wilson.ts';

interface Fixture {
  wilson: { successes: number; trials: number; confidence: number; low: number; high: number }[];
  sign: { wins: number; losses: number; p: number }[];
  holm: { p: number[]; adjusted: number[] }[];
  kappa: { counts: number[][]; observed: number; expected: number; kappa: number }[];
  strengths: { names: string[]; matches: [string, string, number][]; logStrengths: number[]; standardErrors: number[] }[];
}

const fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/preference.json'), 'utf8')) as Fixture;
const outcomes = (wins: number, losses: number, ties = 0): number[] => [
  ...Array<number>(wins).fill(1),
  ...Array<number>(losses).fill(-1),
  ...Array<number>(ties).fill(0),
];
const match = ([first, second, score]: [string, string, number]): Match => ({ first, second, score });

describe('wilsonInterval', () => {
  test.each(fixture.wilson)('$successes of $trials at $confidence, as SciPy', ({ successes, trials, confidence, low, high }) => {
    const interval = wilsonInterval(successes, trials, confidence)!;
    expect(interval.low).toBeCloseTo(low, 12);
    expect(interval.high).toBeCloseTo(high, 12);
    expect(interval.share).toBe(successes / trials);
  });

  test('has no value of nothing and refuses impossible counts', () => {
    expect(wilsonInterval(0, 0)).toBeNull();
    for (const [successes, trials] of [
      [3, 2],
      [-1, 2],
      [0.5, 2],
      [Number.NaN, 2],
    ] as const)
      expect(() => wilsonInterval(successes, trials)).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
    for (const confidence of [1, -1, Number.NaN])
      expect(() => wilsonInterval(1, 2, confidence)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });

  test('normalQuantile is that of the tables', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 13);
    expect(normalQuantile(0.0001)).toBeCloseTo(-3.719016485455709, 11);
    expect(normalQuantile(0.5)).toBe(0);
  });
});

describe('signTest', () => {
  test.each(fixture.sign)('$wins to $losses, as SciPy', ({ wins, losses, p }) => {
    expect(Math.abs(signTest(outcomes(wins, losses)).p / p - 1)).toBeLessThan(1e-10);
  });

  test('drops ties but counts them, and has no opinion without wins and losses', () => {
    expect(signTest(outcomes(8, 2, 5))).toEqual({ ...signTest(outcomes(8, 2)), ties: 5 });
    expect(signTest(outcomes(0, 0, 4))).toEqual({ wins: 0, losses: 0, ties: 4, p: 1 });
    expect(() => signTest([1, Number.NaN])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });
});

describe('holm', () => {
  test.each(fixture.holm)('$p', ({ p, adjusted }) => {
    const ours = holm(p);
    expect(ours).toHaveLength(p.length);
    ours.forEach((value, index) => expect(value).toBeCloseTo(adjusted[index]!, 14));
  });

  test('refuses what is no probability', () => {
    for (const bad of [-0.1, 1.1, Number.NaN]) expect(() => holm([0.5, bad])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });
});

describe('fleissKappa', () => {
  test.each(fixture.kappa)('as pairs of answers counted one by one: $kappa', ({ counts, observed, expected, kappa }) => {
    const ours = fleissKappa(counts)!;
    expect(ours.observed).toBeCloseTo(observed, 12);
    expect(ours.expected).toBeCloseTo(expected, 12);
    expect(ours.kappa).toBeCloseTo(kappa, 12);
  });

  test('gives .210 for the ten subjects and fourteen raters of the textbooks', () => {
    expect(fleissKappa(fixture.kappa[0]!.counts)!.kappa!.toFixed(3)).toBe('0.210');
  });

  test('says 1 for full agreement, and nothing where there is nothing to say', () => {
    expect(
      fleissKappa([
        [3, 0],
        [0, 3],
      ])!.kappa,
    ).toBe(1);
    expect(
      fleissKappa([
        [3, 0],
        [2, 0],
      ]),
    ).toEqual({ kappa: null, observed: 1, expected: 1, items: 2, answers: 5 });
    expect(
      fleissKappa([
        [1, 0],
        [0, 1],
      ]),
    ).toBeNull();
    expect(fleissKappa([])).toBeNull();
    expect(() => fleissKappa([[1, 2], [1]])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });
});

describe('bradleyTerry', () => {
  test.each(fixture.strengths)('as a general optimiser finds them: $names', ({ names, matches, logStrengths, standardErrors }) => {
    const { strengths } = bradleyTerry(matches.map(match));
    names.forEach((name, index) => {
      const ours = strengths.find((strength) => strength.name === name)!;
      expect(ours.logStrength).toBeCloseTo(logStrengths[index]!, 5);
      expect(Math.abs(ours.standardError! / standardErrors[index]! - 1)).toBeLessThan(1e-3);
    });
  });

  test('of two players is the log-odds of the points', () => {
    // 7 points to 3: ln(7 / 3) apart.
    const { strengths } = bradleyTerry(fixture.strengths[0]!.matches.map(match));
    expect(strengths[0]!.logStrength - strengths[1]!.logStrength).toBeCloseTo(Math.log(7 / 3), 10);
    expect(strengths[0]!.logStrength + strengths[1]!.logStrength).toBeCloseTo(0, 12);
  });

  test('refuses what has no finite answer and names the split', () => {
    const refusal = (message: RegExp): Error =>
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) }) as Error;
    expect(() => bradleyTerry([match(['a', 'b', 1])])).toThrow(refusal(/got a, of which none ever lost or tied against b/));
    expect(() => bradleyTerry([match(['a', 'b', 0.5]), match(['c', 'd', 0.5])])).toThrow(refusal(/got a, b, of which none/));
    expect(() => bradleyTerry([match(['a', 'b', 0.5]), match(['c', 'a', 1]), match(['c', 'b', 1])])).toThrow(
      refusal(/got a, b, of which none ever won or tied against c/),
    );
    expect(() => bradleyTerry([])).toThrow(refusal(/two players/));
    expect(() => bradleyTerry([match(['a', 'a', 1])])).toThrow(refusal(/two players/));
    expect(() => bradleyTerry([match(['a', 'b', 2])])).toThrow(refusal(/score from 0 to 1/));
  });
});
