import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from '../../lib/compare/answer.ts';
import { readAnswers } from '../../lib/compare/answers-file.ts';
import { buildStudy } from '../../lib/compare/build.ts';
import { scoreStudy, type GroupScore } from '../../lib/compare/score.ts';
import { renderScore } from '../../lib/compare/score-text.ts';
import { answerFor, sampleStudy, temporaryFolder, variant, writeLines } from './samples.ts';

const { key } = sampleStudy(4);
const ids = key.items.map(({ id }) => id);

/** One letter an item: a alpha, b beta, e equal. */
function answers(annotator: string, winners: string, rest: (index: number) => Partial<Answer> = () => ({})): Answer[] {
  const names: Record<string, string> = { a: 'alpha', b: 'beta', e: 'equal' };
  return [...winners].map((letter, index) => answerFor(key, ids[index]!, annotator, names[letter]!, rest(index)));
}

function people(given: readonly Answer[]): GroupScore {
  return scoreStudy(key, given).groups.find(({ name }) => name === 'people')!;
}

describe('scoreStudy', () => {
  // Items 1 to 4, three annotators: aab, eaa, bbe, ae- => alpha wins 5, ties 3, loses 3.
  const given = [...answers('Ada', 'aeba'), ...answers('Bob', 'aabe'), ...answers('Cid', 'bae')];

  test('counts wins, ties and losses of the first of the pair', () => {
    const [pair] = people(given).pairs;
    expect(pair).toMatchObject({ first: 'alpha', second: 'beta', answers: 11, items: 4, annotators: 3, wins: 5, ties: 3, losses: 3 });
    expect(pair!.win.share).toBeCloseTo(5 / 11, 14);
    expect(pair!.preferredOrEqual.first.share).toBeCloseTo(8 / 11, 14);
    expect(pair!.preferredOrEqual.second.share).toBeCloseTo(6 / 11, 14);
    expect(pair!.points.mean).toBeCloseTo(6.5 / 11, 14);
    expect(pair!.win.share + pair!.tie.share + pair!.loss.share).toBeCloseTo(1, 14);
  });

  test('does not depend on the side, nor on which text stood first in the item', () => {
    const turned = [
      ...answers('Ada', 'aeba', () => ({ left: 1 })),
      ...answers('Bob', 'aabe', (index) => ({ left: (index % 2) as 0 | 1 })),
      ...answers('Cid', 'bae'),
    ];
    expect(people(turned).pairs).toEqual(people(given).pairs);
    expect(new Set(key.items.map(({ variants }) => variants[0])).size).toBe(2);
  });

  test('tests signs over items, not over answers', () => {
    // Sums over items: 1 + 1 - 1, 0 + 1 + 1, -1 - 1 + 0, 1 + 0 => three won, one lost: p = 2 * (1 + 4) / 16.
    expect(people(given).pairs[0]!.signTest).toEqual({
      wins: 3,
      losses: 1,
      ties: 0,
      p: expect.closeTo(0.625, 12),
      holmP: expect.closeTo(0.625, 12),
    });
  });

  test('measures agreement by items', () => {
    // Pairs of answers that agree: 1/3, 1/3, 1/3, 0/1 => observed 1/4; chance (25 + 9 + 9) / 121.
    const expected = 43 / 121;
    expect(people(given).kappa).toEqual({
      observed: expect.closeTo(0.25, 12),
      expected: expect.closeTo(expected, 12),
      kappa: expect.closeTo((0.25 - expected) / (1 - expected), 12),
      items: 4,
      answers: 11,
    });
    // Ada agrees with Bob at items 1 and 3, with Cid at none of three; Bob and Cid at item 2.
    expect(people(given).annotators.map(({ name, answers: count, agreement }) => [name, count, agreement])).toEqual([
      ['Ada', 4, expect.closeTo(2 / 7, 12)],
      ['Bob', 4, expect.closeTo(3 / 7, 12)],
      ['Cid', 3, expect.closeTo(1 / 6, 12)],
    ]);
  });

  test('fits strengths: 6.5 points to 4.5', () => {
    const [first, second] = people(given).bradleyTerry!.strengths;
    expect([first!.name, second!.name]).toEqual(['alpha', 'beta']);
    expect(first!.logStrength - second!.logStrength).toBeCloseTo(Math.log(6.5 / 4.5), 9);
  });

  test('draws whole contexts: more annotators of the same mind make the interval no narrower', () => {
    const one = people(answers('Ada', 'abab')).pairs[0]!.win;
    const five = people(['Ada', 'Bob', 'Cid', 'Dan', 'Eve'].flatMap((name) => answers(name, 'abab'))).pairs[0]!.win;
    expect([five.bootstrap.low, five.bootstrap.high]).toEqual([one.bootstrap.low, one.bootstrap.high]);
    expect(five.wilson.high - five.wilson.low).toBeLessThan(0.6 * (one.wilson.high - one.wilson.low));
    expect(scoreStudy(key, given, { seed: 3 })).toEqual(scoreStudy(key, given, { seed: 3 }));
    expect(scoreStudy(key, given, { seed: 3 }).groups[0]!.pairs[0]!.win.bootstrap).not.toEqual(
      scoreStudy(key, given, { seed: 4 }).groups[0]!.pairs[0]!.win.bootstrap,
    );
  });

  test('the later answer of an annotator to an item counts, whatever the order of the files', () => {
    const early = answers('Ada', 'a', () => ({ at: '2026-01-01T00:00:00.000Z' }));
    const late = answers('Ada', 'b', () => ({ at: '2026-01-02T00:00:00.000Z' }));
    for (const both of [
      [...early, ...late],
      [...late, ...early],
    ]) {
      expect(people(both)).toMatchObject({ answers: 1, replaced: 1, pairs: [{ wins: 0, losses: 1 }] });
    }
    expect(people([...early, ...answers('Ada', 'b')]).pairs[0]).toMatchObject({ wins: 0, losses: 1 });
  });

  test('finds who always takes side A', () => {
    const sided = answers('Ada', 'abab').map((answer): Answer => ({ ...answer, choice: 'A' }));
    const { sideBias } = people([...sided, ...answers('Bob', 'eeee')]);
    expect(sideBias).toEqual({ a: 4, b: 0, share: expect.objectContaining({ share: 1 }), p: expect.closeTo(2 / 16, 12) });
    expect(people(answers('Bob', 'eeee')).sideBias).toEqual({ a: 0, b: 0, share: null, p: 1 });
  });

  test('keeps judges apart from people and from each other', () => {
    const judge = answers('judge:one', 'bbbb', () => ({ replies: ['A', 'A'] }));
    const { groups } = scoreStudy(key, [...judge, ...given, ...answers('judge:two', 'a')]);
    expect(groups.map(({ name, kind, answers: count }) => [name, kind, count])).toEqual([
      ['people', 'people', 11],
      ['judge:one', 'language-model judge, not people', 4],
      ['judge:two', 'language-model judge, not people', 1],
    ]);
    expect(groups[0]).toEqual(people(given));
    expect(groups[1]!.sideBias).toMatchObject({ a: 8, b: 0 });
    expect(renderScore(scoreStudy(key, [...judge, ...given]))).toMatch(/judge:one: LANGUAGE-MODEL JUDGE, NOT PEOPLE/);
  });

  test('adjusts over pairs, leaves out pairs without answers and says why strengths are missing', () => {
    const built = buildStudy([variant('alpha', 8), variant('beta', 8), variant('gamma', 8)]);
    const first = built.key.items.filter(({ variants }) => variants.includes('alpha') && variants.includes('beta'));
    const second = built.key.items.filter(({ variants }) => variants.includes('alpha') && variants.includes('gamma'));
    const all = [
      ...first.map(({ id }) => answerFor(built.key, id, 'Ada', 'alpha')),
      ...second.slice(0, 6).map(({ id }) => answerFor(built.key, id, 'Ada', 'alpha')),
    ];
    const [group] = scoreStudy(built.key, all).groups;
    // p = 2 / 256 and 2 / 64; the smaller is doubled.
    expect(group!.pairs.map(({ signTest }) => [signTest.p, signTest.holmP])).toEqual([
      [expect.closeTo(2 / 256, 12), expect.closeTo(4 / 256, 12)],
      [expect.closeTo(2 / 64, 12), expect.closeTo(2 / 64, 12)],
    ]);
    expect(group).toMatchObject({ bradleyTerry: null, bradleyTerryReason: expect.stringContaining('infinite') });
    expect(group!.kappa).toBeNull();
  });

  test('refuses no answers, and those of another study', () => {
    expect(() => scoreStudy(key, [])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
    expect(() => scoreStudy(key, [{ ...given[0]!, study: 'x' }])).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringContaining('study x') }),
    );
  });

  test('prints the numbers that were counted', () => {
    const text = renderScore(scoreStudy(key, given));
    expect(text).toContain('PEOPLE (3): 11 answers');
    expect(text).toMatch(/^win +5 +45\.5 %/m);
    expect(text).toMatch(/^preferred or equal +8 +72\.7 % +\d+\.\d to \d+\.\d +43\.4 to 90\.3$/m);
    expect(text.split('\n\n')[1]).toBe('People preferred alpha to beta 5 of 11 times, 3 even: too few to say.');
    expect(text).toContain('sign test over items: 3 won, 1 lost, 0 even; p = 0.625, Holm = 0.625');
    expect(text).toContain("Fleiss' kappa: -0.163 over 4 items with 11 answers");
    expect(text).toMatch(/^Ada +4 +25\.0 % +\d+\.\d % +2\.0 +28\.6 %$/m);
  });
});

describe('readAnswers', () => {
  const folder = temporaryFolder();
  const study = { id: key.study, items: key.items };
  const [answer] = answers('Ada', 'a');

  test('reads what was exported, and passes over a last line that was cut off', async () => {
    const path = writeLines(join(folder, 'answers.jsonl'), [answer!, { ...answer!, choice: 'equal' }]);
    expect(await readAnswers(path, study)).toEqual([answer, { ...answer, choice: 'equal' }]);
    writeFileSync(path, `${JSON.stringify(answer)}\n{"study": "x`);
    const warnings: string[] = [];
    expect(await readAnswers(path, study, (message) => warnings.push(message))).toEqual([answer]);
    expect(warnings).toEqual([expect.stringContaining('cut off')]);
  });

  test.each([
    ['study', { study: 'ffff' }, /line 2: an answer to study ffff/],
    ['item', { item: 'abc' }, /line 2: an answer to item abc/],
    ['choice', { choice: 'C' }, /line 2: "choice"/],
    ['side', { left: 2 }, /line 2: "left"/],
    ['name', { annotator: 'a\nb' }, /line 2: "annotator"/],
    ['empty name', { annotator: '' }, /line 2: "annotator"/],
    ['time', { at: 'now' }, /line 2: "at"/],
  ])('refuses a wrong %s and names the line', async (name, change, message) => {
    const path = writeLines(join(folder, `${name}.jsonl`), [answer!, { ...answer!, ...change }]);
    await expect(readAnswers(path, study)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) }),
    );
  });
});
