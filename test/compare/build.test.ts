import { buildStudy } from '../../lib/compare/build.ts';
import { cutWords } from '../../lib/compare/alignment.ts';
import { presentations } from '../../lib/compare/order.ts';
import { parseStudyPage, renderStudyPage } from '../../lib/compare/page.ts';
import { sampleStudy, variant } from './samples.ts';

const refusal = (code: string, message: RegExp): Error =>
  expect.objectContaining({ code, message: expect.stringMatching(message) }) as Error;

describe('buildStudy', () => {
  test('gives every pair of every context, each text where the key says', () => {
    const { study, key, dropped } = buildStudy([variant('alpha'), variant('beta'), variant('gamma')]);
    expect(key.pairs).toEqual([
      ['alpha', 'beta'],
      ['alpha', 'gamma'],
      ['beta', 'gamma'],
    ]);
    expect([study.items.length, key.items.length, dropped]).toEqual([12, 12, 0]);
    for (const { id, context, texts } of study.items) {
      const { variants, source } = key.items.find((item) => item.id === id)!;
      expect(texts).toEqual(variants.map((name) => ` ${name} wrote this ${context.at(-1)}`));
      expect(source).toBe(`book.txt:${context.at(-1)}`);
    }
    expect(new Set(key.items.map(({ context }) => context)).size).toBe(4);
  });

  test('compares with the first variant, or with the original text cut to the words of the other', () => {
    expect(buildStudy([variant('alpha'), variant('beta'), variant('gamma')], { pairs: 'against-first' }).key.pairs).toEqual([
      ['beta', 'alpha'],
      ['gamma', 'alpha'],
    ]);
    const { study, key } = buildStudy([variant('alpha')], { against: 'original' });
    expect(key.pairs).toEqual([['alpha', 'original text']]);
    for (const { id, texts } of study.items) {
      const original = texts[key.items.find((item) => item.id === id)!.variants.indexOf('original text')]!;
      expect(original).toBe(' a person wrote\nthis');
    }
    expect(buildStudy([variant('alpha'), variant('beta')], { against: 'original', pairs: 'all' }).key.pairs).toHaveLength(3);
  });

  test('is the same for the same seed, and another for another', () => {
    const [one, again, other] = [sampleStudy(40, { seed: 1 }), sampleStudy(40, { seed: 1 }), sampleStudy(40, { seed: 2 })];
    expect(again).toEqual(one);
    expect(other.study.id).not.toBe(one.study.id);
    const firsts = one.key.items.filter(({ variants }) => variants[0] === 'alpha').length;
    // 40 throws of a fair coin: fewer than 8 or more than 32 come once in ten thousand seeds.
    expect(firsts).toBeGreaterThan(8);
    expect(firsts).toBeLessThan(32);
  });

  test('draws contexts by the seed', () => {
    const contexts = (seed: number): string[] =>
      sampleStudy(30, { seed, items: 5 })
        .study.items.map(({ context }) => context)
        .sort();
    expect(contexts(1)).toHaveLength(5);
    expect(contexts(1)).toEqual(contexts(1));
    expect(contexts(1)).not.toEqual(contexts(2));
  });

  test('leaves out contexts that a file lacks and pairs of equal texts, and counts both', () => {
    const twin = {
      ...variant('beta'),
      texts: [...variant('beta', 3).texts, { context: 'Beginning 4', continuation: ' alpha wrote this 4' }],
    };
    const { study, key, dropped } = buildStudy([variant('alpha', 5), twin]);
    expect([study.items.length, key.identical, dropped]).toEqual([3, 1, 1]);
  });

  test('pairs the n-th sample of a context with the n-th', () => {
    const twice = (name: string) => ({
      name,
      file: '',
      texts: [1, 2].map((sample) => ({ context: 'Once', continuation: `${name} ${sample}` })),
    });
    const { study, key } = buildStudy([twice('alpha'), twice('beta')]);
    expect(study.items.map(({ texts }) => [...texts].sort()).sort()).toEqual([
      ['alpha 1', 'beta 1'],
      ['alpha 2', 'beta 2'],
    ]);
    expect(new Set(key.items.map(({ context }) => context)).size).toBe(1);
  });

  test('refuses what cannot be compared', () => {
    expect(() => buildStudy([variant('alpha')])).toThrow(refusal('ERR_CONFIG', /two variants or more, got 1/));
    expect(() => buildStudy([variant('alpha'), variant('alpha')])).toThrow(refusal('ERR_CONFIG', /"alpha" twice/));
    const elsewhere = { ...variant('beta'), texts: [{ context: 'Elsewhere', continuation: 'x' }] };
    expect(() => buildStudy([variant('alpha'), elsewhere])).toThrow(refusal('ERR_DATA', /none among alpha, beta/));
    expect(() => buildStudy([elsewhere], { against: 'original' })).toThrow(refusal('ERR_DATA', /`original`/));
    expect(() => buildStudy([variant('alpha'), variant('beta', 4, 'alpha')])).toThrow(refusal('ERR_DATA', /4 pairs of equal ones/));
    for (const items of [0, 1.5]) expect(() => sampleStudy(4, { items })).toThrow(refusal('ERR_CONFIG', /`items`/));
  });
});

test('cutWords keeps what is between words', () => {
  expect([cutWords(' one\n two three', 2), cutWords('one', 5), cutWords('one two', 0), cutWords('', 3)]).toEqual([
    ' one\n two',
    'one',
    'one',
    '',
  ]);
});

describe('presentations', () => {
  const { study } = sampleStudy(60);
  const shown = (name: string): string =>
    presentations(study, name)
      .map(({ item, left }) => `${item.id}${left}`)
      .join(' ');

  test('hold every item once, in an order and with sides that the name decides', () => {
    expect(
      presentations(study, 'Ada')
        .map(({ item }) => item.id)
        .sort(),
    ).toEqual(study.items.map(({ id }) => id));
    expect(shown('Ada')).toBe(shown('Ada'));
    expect(shown('Ada')).not.toBe(shown('Bob'));
    const left = presentations(study, 'Ada').filter((each) => each.left === 0).length;
    expect(left).toBeGreaterThan(15);
    expect(left).toBeLessThan(45);
    const { seed } = study;
    expect(presentations({ ...study, seed: seed + 1 }, 'Ada').map(({ item }) => item.id)).not.toEqual(
      presentations(study, 'Ada').map(({ item }) => item.id),
    );
  });
});

describe('renderStudyPage', () => {
  test('names no variant and no source, and gives the study back', () => {
    const { study } = sampleStudy(3);
    const html = renderStudyPage({ ...study, items: study.items.map((item) => ({ ...item, texts: ['one', 'two'] as const })) });
    expect(html).not.toMatch(/alpha|beta|book\.txt/);
    expect(parseStudyPage(renderStudyPage(study), 'study.html')).toEqual(study);
  });

  test('loads nothing and lets no text end its element', () => {
    const hostile = '</script><script>alert(1)</script><!--<script>\u2028"\'&amp;';
    const { study } = sampleStudy(1);
    const page = { ...study, title: hostile, items: [{ id: 'ab', context: hostile, texts: [hostile, `${hostile}2`] as const }] };
    const html = renderStudyPage(page);
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    const markup = html.replace(/(<script[^>]*>).*?<\/script>/gs, '$1');
    expect(markup).not.toMatch(/<(link|iframe|img|object|embed|base)\b|\s(src|href|on\w+|style)=|url\(|@import|<!--/i);
    expect(html).toContain("default-src 'none'; script-src 'sha256-");
    expect(html).not.toContain('connect-src');
    expect(renderStudyPage(page, { served: true })).toContain("connect-src 'self'");
    expect(parseStudyPage(html, 'study.html')).toEqual(page);
  });

  test('another page is refused', () => {
    for (const html of [
      '',
      '<script type="application/json" id="study">{}</script>',
      '<script type="application/json" id="study">{</script>',
    ]) {
      expect(() => parseStudyPage(html, 'x.html')).toThrow(refusal('ERR_DATA', /x\.html/));
    }
  });
});
